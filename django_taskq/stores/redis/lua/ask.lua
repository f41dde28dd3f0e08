-- needs: places
-- Ask workers to stop; their next heartbeat tells them.
--
-- ARGV[2]  and so on, the workers
--
-- Returns those that have a lease.

local asked = {}
for n = 2, #ARGV do
  local expires = redis.call('ZSCORE', P .. 'workers', ARGV[n])
  if expires and tonumber(expires) >= now then
    redis.call('HSETNX', P .. 'worker:' .. ARGV[n], 'stop', NOW)
    asked[#asked + 1] = ARGV[n]
  end
end
return asked
