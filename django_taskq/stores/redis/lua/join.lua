-- needs: places
-- Enter a worker with a fresh lease.
--
-- ARGV[2]  the worker
-- ARGV[3]  microseconds of its lease
-- ARGV[4]  what it says of itself
-- ARGV[5]  '1' where it runs suspects alone, else '0'
-- ARGV[6]  an epoch, should there be none
--
-- Returns the epoch.

local key = P .. 'worker:' .. ARGV[2]
redis.call('SETNX', P .. 'epoch', ARGV[6])
redis.call('DEL', key)
redis.call(
  'HSET', key, 'info', ARGV[4], 'solo', ARGV[5], 'joined', NOW, 'beat', NOW, 'progress', NOW
)
redis.call('ZADD', P .. 'workers', text(now + ARGV[3]), ARGV[2])
return redis.call('GET', P .. 'epoch')
