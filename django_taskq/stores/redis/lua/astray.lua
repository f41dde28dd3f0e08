-- needs: places
-- Find jobs that their rows say are handed out, and that are not here; those that are here get back
-- the places in which somebody looks for them.
--
-- ARGV[2]  and so on two for each: seq, the worker that its row names or ''
--
-- Returns the numbers of those that are not here, in one text, which is read more quickly than many.
-- One whose worker has a lease is that worker's to end.

local leased = {}
local function has_lease(worker)
  if leased[worker] == nil then
    leased[worker] = redis.call('ZSCORE', P .. 'workers', worker) and true or false
  end
  return leased[worker]
end

-- Where single keys are evicted, the way to a lane may be gone though its jobs are there.
local ways = {}
local function mend_way(lane)
  if not ways[lane] then
    ways[lane] = true
    local at = parts_of(lane)
    local found = redis.call('ZADD', P .. 'ring:' .. at.ring, 0, at.tenant)
      + redis.call('ZADD', P .. 'gates:' .. at.band .. ':' .. at.queue, 0, at.gate)
      + redis.call('ZADD', P .. 'queues:' .. at.band, 0, at.queue)
    rings = rings or found > 0
  end
end

local function mend(job)
  local key = P .. 'job:' .. job.seq
  redis.call('ZADD', P .. 'jobs', job.seq, job.id)
  if job.state == 'SCHEDULED' then
    redis.call('ZADD', P .. 'due', redis.call('HGET', key, 'due') or NOW, job.seq)
  elseif job.state == 'RUNNING' then
    redis.call('SADD', P .. 'hand:' .. job.worker, job.seq)
    redis.call('SADD', P .. 'hands', job.worker)
  elseif job.parked then
    redis.call('ZADD', P .. 'suspects', job.rank, job.seq)
  else
    if redis.call('ZADD', P .. 'lane:' .. job.lane, job.rank, job.seq) == 1 then
      rings = true
    end
    mend_way(job.lane)
  end
end

local told = {}
for at = 2, #ARGV, 2 do
  local job = load_job(ARGV[at])
  if job then
    mend(job)
  elseif ARGV[at + 1] == '' or not has_lease(ARGV[at + 1]) then
    told[#told + 1] = ARGV[at]
  end
end
settle()
return table.concat(told, ' ')
