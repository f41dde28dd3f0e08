-- needs: places
-- Forget workers that have no lease and hold nothing any more.
--
-- ARGV[2]  and so on, the workers
--
-- Returns how many.

local count = 0
for n = 2, #ARGV do
  local worker = ARGV[n]
  if redis.call('EXISTS', P .. 'hand:' .. worker) == 0
    and not redis.call('ZSCORE', P .. 'workers', worker) then
    redis.call('DEL', P .. 'worker:' .. worker, P .. 'asked:' .. worker)
    count = count + 1
  end
end
return count
