-- needs: places
-- Find jobs that their rows say are handed out, and that are not here; those that are here get back
-- the places in which somebody looks for them.
--
-- ARGV[2]  the numbers, in one text, which is sent and read more quickly than many
-- ARGV[3]  a JSON object: the workers that their rows name, by number
--
-- Returns the numbers of those that are not here, in one text. One whose worker has a lease is that
-- worker's to end.

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
local workers = cjson.decode(ARGV[3])
for seq in string.gmatch(ARGV[2], '%d+') do
  local job = load_job(seq)
  if job then
    mend(job)
  elseif not workers[seq] or not has_lease(workers[seq]) then
    told[#told + 1] = seq
  end
end
settle()
return table.concat(told, ' ')
