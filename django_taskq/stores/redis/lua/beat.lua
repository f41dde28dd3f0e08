-- needs: places
-- Renew the lease of a worker, and note its pulse.
--
-- ARGV[2]  the worker
-- ARGV[3]  microseconds of its lease
-- ARGV[4]  for how many microseconds its claim loop has stood still, '' where nobody tells
-- ARGV[5]  the bytes of memory that it holds
--
-- Returns {1 where it has a lease or 0, the epoch or '', the numbers of its jobs that were asked
-- to stop, since when it is asked to stop itself or ''}.

local key, epoch = P .. 'worker:' .. ARGV[2], redis.call('GET', P .. 'epoch') or ''
if not redis.call('ZSCORE', P .. 'workers', ARGV[2]) then
  return {0, epoch, {}, ''}
end
redis.call('ZADD', P .. 'workers', text(now + ARGV[3]), ARGV[2])
redis.call('HSET', key, 'beat', NOW)
if ARGV[4] ~= '' then
  redis.call('HSET', key, 'progress', text(now - ARGV[4]), 'memory', ARGV[5])
end
return {
  1, epoch, redis.call('SMEMBERS', P .. 'asked:' .. ARGV[2]), redis.call('HGET', key, 'stop') or '',
}
