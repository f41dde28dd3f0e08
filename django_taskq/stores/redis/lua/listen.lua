-- needs: places
-- Have somebody told of the ends of jobs that stand as rows, whether they are here or not.
--
-- ARGV[2]  who waits
-- ARGV[3]  and so on, public ids
--
-- Returns 1.

redis.call('SET', P .. 'waiters', '', 'PX', 60000)
for n = 3, #ARGV do
  redis.call('SADD', P .. 'awaited:' .. ARGV[n], ARGV[2])
  redis.call('PEXPIRE', P .. 'awaited:' .. ARGV[n], 60000)
end
return 1
