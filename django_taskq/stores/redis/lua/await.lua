-- needs: places
-- Have somebody told of the ends of jobs; tell how many have not ended.
--
-- ARGV[2]  who waits
-- ARGV[3]  and so on, public ids
--
-- Returns how many of these jobs are here and have not ended.

local open = 0
redis.call('SET', P .. 'waiters', '', 'PX', 60000)
for n = 3, #ARGV do
  local score = redis.call('ZSCORE', P .. 'jobs', ARGV[n])
  local state = score
    and redis.call('HGET', P .. 'job:' .. string.format('%016.0f', score), 'state')
  if state and not ENDED[state] then
    open = open + 1
    redis.call('SADD', P .. 'awaited:' .. ARGV[n], ARGV[2])
    redis.call('PEXPIRE', P .. 'awaited:' .. ARGV[n], 60000)
  end
end
return open
