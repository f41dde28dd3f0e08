-- needs: places shelf
-- Delete XCom values that have expired, the longest first.
--
-- ARGV[2]  how many at the most
--
-- Returns how many.

local expired = redis.call('ZRANGEBYSCORE', P .. 'expiring', '-inf', NOW, 'LIMIT', 0, ARGV[2])
for _, number in ipairs(expired) do
  remove(number)
end
return #expired
