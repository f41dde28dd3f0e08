-- needs: places
-- Make due jobs ready, the longest due first.
--
-- ARGV[2]  how many at the most
--
-- Returns {how many, microseconds until the next is due or -1}.

local due = redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', NOW, 'LIMIT', 0, ARGV[2])
for _, seq in ipairs(due) do
  local job = load_job(seq)
  local key = P .. 'job:' .. seq
  if job then
    leave(job)
    job.state = 'READY'
    redis.call('HSET', key, 'state', 'READY', 'eligible', redis.call('HGET', key, 'due'))
    redis.call('HINCRBY', key, 'rev', 1)
    redis.call('HDEL', key, 'due')
    enter(job)
  else
    -- Evicted: its number is all that was left of it.
    redis.call('ZREM', P .. 'due', seq)
  end
end
settle()
local first = redis.call('ZRANGE', P .. 'due', 0, 0, 'WITHSCORES')
return {#due, first[2] and text(math.max(0, first[2] - now)) or '-1'}
