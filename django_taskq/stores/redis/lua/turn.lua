-- needs: places
-- Take the turn to archive, or give it back.
--
-- ARGV[2]  who asks
-- ARGV[3]  for how many milliseconds, 0 to give it back
--
-- Returns 1 where it was taken or given back, else 0.

local key = P .. 'archiver'
if ARGV[3] ~= '0' then
  return redis.call('SET', key, ARGV[2], 'NX', 'PX', ARGV[3]) and 1 or 0
end
return redis.call('GET', key) == ARGV[2] and redis.call('DEL', key) or 0
