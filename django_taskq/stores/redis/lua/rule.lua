-- needs: places
-- Keep what operators say for those who go by it.
--
-- ARGV[2]  its digest
-- ARGV[3]  for how many seconds
-- ARGV[4]  and so on, field and value
--
-- Returns 1.

local key = P .. 'rules:' .. ARGV[2]
for n = 4, #ARGV, 2 do
  redis.call('HSET', key, ARGV[n], ARGV[n + 1])
end
return redis.call('EXPIRE', key, ARGV[3])
