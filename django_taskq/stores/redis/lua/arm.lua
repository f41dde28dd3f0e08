-- needs: places
-- Have a worker woken from now on.
--
-- ARGV[2]  the worker
--
-- Returns 1, 0 where it was already.

return redis.call('SADD', P .. 'armed', ARGV[2])
