-- needs: places shelf
-- Take a job that was archived back in, ready. What it pushed before goes.
--
-- ARGV[2]  its public id
-- ARGV[3]  its predictable id's key, or ''
-- ARGV[4]  and so on, field and value
--
-- Returns 'moved', 'here' where a job with its id is here, or the public id of the job that holds
-- its predictable id.

if redis.call('ZSCORE', P .. 'jobs', ARGV[2]) then
  return 'here'
end
local holder = ARGV[3] ~= '' and redis.call('HGET', P .. 'unique', ARGV[3])
if holder then
  return redis.call('HGET', P .. 'job:' .. holder, 'id')
end
local last = redis.call('INCR', P .. 'seq')
if last == 1 then
  local time = redis.call('TIME')
  last = time[1] * 1000000 + time[2]
  redis.call('SET', P .. 'seq', text(last))
end
local seq = string.format('%016.0f', last)
redis.call(
  'HSET', P .. 'job:' .. seq, 'id', ARGV[2], 'state', 'READY', 'eligible', NOW, unpack(ARGV, 4)
)
redis.call('ZADD', P .. 'jobs', seq, ARGV[2])
if ARGV[3] ~= '' then
  redis.call('HSET', P .. 'job:' .. seq, 'key', ARGV[3])
  redis.call('HSET', P .. 'unique', ARGV[3], seq)
end
for _, number in ipairs(redis.call('HVALS', P .. 'pushed:' .. ARGV[2])) do
  remove(number)
end
enter(load_job(seq))
settle()
return 'moved'
