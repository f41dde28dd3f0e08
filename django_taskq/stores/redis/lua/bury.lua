-- needs: places
-- Take the leases that are over from their workers, and find all who hold jobs without one.
--
-- ARGV[2]  a worker to take the lease from whether it is over or not, '' for none
--
-- Returns {{worker, 1 where its lease was taken now or 0, 1 where it runs suspects alone or 0, the
-- numbers of the jobs that it holds}, ...}.

local lost, seen, told = {}, {}, {}
if ARGV[2] ~= '' then
  lost = {ARGV[2]}
else
  lost = redis.call('ZRANGEBYSCORE', P .. 'workers', '-inf', '(' .. NOW)
end

local function tell_of(worker, is_taken)
  seen[worker] = true
  told[#told + 1] = {
    worker, is_taken, tonumber(redis.call('HGET', P .. 'worker:' .. worker, 'solo') or 0),
    redis.call('SMEMBERS', P .. 'hand:' .. worker),
  }
end

for _, worker in ipairs(lost) do
  redis.call('SREM', P .. 'armed', worker)
  redis.call('SREM', P .. 'resting', worker)
  tell_of(worker, redis.call('ZREM', P .. 'workers', worker))
end
if ARGV[2] == '' then
  for _, worker in ipairs(redis.call('SMEMBERS', P .. 'hands')) do
    if not seen[worker] and not redis.call('ZSCORE', P .. 'workers', worker) then
      tell_of(worker, 0)
    end
  end
end
return told
