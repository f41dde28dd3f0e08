-- needs: places
-- Find jobs that their rows say are handed out, and that nobody will get.
--
-- ARGV[2]  and so on two for each: seq, the worker that its row names or ''
--
-- Returns the numbers of those that are not here, or stand in no place where anybody looks. One that
-- is not here, and whose worker has a lease, is that worker's to end.

local leased = {}
local function has_lease(worker)
  if leased[worker] == nil then
    leased[worker] = redis.call('ZSCORE', P .. 'workers', worker) and true or false
  end
  return leased[worker]
end

local rings_known = {}
local function is_in_turn(at)
  if rings_known[at.lane] == nil then
    rings_known[at.lane] = redis.call('ZSCORE', P .. 'ring:' .. at.ring, at.tenant)
      and redis.call('ZSCORE', P .. 'gates:' .. at.band .. ':' .. at.queue, at.gate)
      and redis.call('ZSCORE', P .. 'queues:' .. at.band, at.queue) and true or false
  end
  return rings_known[at.lane]
end

local function stands(job)
  if not redis.call('ZSCORE', P .. 'jobs', job.id) then
    return false
  elseif job.state == 'SCHEDULED' then
    return redis.call('ZSCORE', P .. 'due', job.seq)
  elseif job.state == 'RUNNING' then
    return redis.call('SISMEMBER', P .. 'hand:' .. job.worker, job.seq) == 1
      and (has_lease(job.worker) or redis.call('SISMEMBER', P .. 'hands', job.worker) == 1)
  elseif job.parked then
    return redis.call('ZSCORE', P .. 'suspects', job.seq)
  end
  return redis.call('ZSCORE', P .. 'lane:' .. job.lane, job.seq) and is_in_turn(parts_of(job.lane))
end

local told = {}
for at = 2, #ARGV, 2 do
  local job = load_job(ARGV[at])
  local is_here
  if job then
    is_here = stands(job)
  else
    is_here = ARGV[at + 1] ~= '' and has_lease(ARGV[at + 1])
  end
  if not is_here then
    told[#told + 1] = ARGV[at]
  end
end
return told
