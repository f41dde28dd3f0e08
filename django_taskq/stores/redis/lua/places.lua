-- Where a job stands, and its moves between the places. Put in front of every script.
--
-- KEYS[1]  the hash tag of the alias
-- ARGV[1]  microseconds of the clock that was given, '' for Redis' own
--
-- A script calls `settle` before it returns.

local P = KEYS[1] .. ':'

local function text(number)
  return string.format('%.0f', number)
end

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local NOW = text(now)

local ENDED = {SUCCESSFUL = true, FAILED = true, CANCELED = true, SKIPPED = true}

local lanes = {}
local function parts_of(lane)
  local parts = lanes[lane]
  if not parts then
    local band, queue, gate, at = string.match(lane, '^(%d):(%d+):(%d+):()')
    queue = at + queue
    gate = queue + gate
    parts = {
      lane = lane,
      band = band,
      queue = string.sub(lane, at, queue - 1),
      gate = string.sub(lane, queue, gate - 1),
      tenant = string.sub(lane, gate),
      ring = string.sub(lane, 1, gate - 1),
    }
    lanes[lane] = parts
  end
  return parts
end

local function load_job(seq)
  local found = redis.call(
    'HMGET', P .. 'job:' .. seq,
    'state', 'attempt', 'worker', 'lane', 'rank', 'task', 'id', 'key', 'parked', 'cancel', 'rev',
    'schedule'
  )
  if not found[1] then
    return nil
  end
  return {
    seq = seq, state = found[1], attempt = found[2] or '0', worker = found[3], lane = found[4],
    rank = found[5], task = found[6], id = found[7], key = found[8], parked = found[9],
    cancel = found[10], rev = found[11] or '0', schedule = found[12],
  }
end

-- How many run. Read once and written once in a script, however many jobs it moves.

local counts, groups = {}, {}
local function running(key)
  local count = counts[key]
  if not count then
    count = tonumber(redis.call('HGET', P .. 'running', key) or 0)
    counts[key] = count
  end
  return count
end

-- Jobs of one task, lane and schedule count under the same keys, which are written once.
local function group_of(task, lane, schedule)
  local of_lane = groups[lane]
  if not of_lane then
    of_lane = {}
    groups[lane] = of_lane
  end
  local name = schedule and task .. ' ' .. schedule or task
  local group = of_lane[name]
  if not group then
    local at = parts_of(lane)
    group = {'task:' .. task, 'tenant:' .. at.tenant, 'queue:' .. at.queue, by = 0}
    if schedule then
      group[4] = 'schedule_id:' .. schedule
    end
    of_lane[name] = group
  end
  return group
end

local function count(task, lane, schedule, by)
  local group = group_of(task, lane, schedule)
  group.by = group.by + by
  for n = 1, #group do
    local known = counts[group[n]]
    if known then
      counts[group[n]] = known + by
    end
  end
end

local rings = false

local function enter_lane(lane, rank, seq)
  local key = P .. 'lane:' .. lane
  redis.call('ZADD', key, rank, seq)
  if redis.call('ZCARD', key) > 1 then
    return
  end
  local at = parts_of(lane)
  redis.call('ZADD', P .. 'ring:' .. at.ring, 0, at.tenant)
  redis.call('ZADD', P .. 'gates:' .. at.band .. ':' .. at.queue, 0, at.gate)
  redis.call('ZADD', P .. 'queues:' .. at.band, 0, at.queue)
end

local function tidy_lane(lane)
  if redis.call('EXISTS', P .. 'lane:' .. lane) == 1 then
    return
  end
  local at = parts_of(lane)
  local ring, gates = P .. 'ring:' .. at.ring, P .. 'gates:' .. at.band .. ':' .. at.queue
  redis.call('ZREM', ring, at.tenant)
  if redis.call('EXISTS', ring) == 0 then
    redis.call('ZREM', gates, at.gate)
    if redis.call('EXISTS', gates) == 0 then
      redis.call('ZREM', P .. 'queues:' .. at.band, at.queue)
    end
  end
end

local function count_waiting(job, by)
  local at = parts_of(job.lane)
  local field = job.state .. ':' .. #at.queue .. ':' .. at.queue .. at.tenant
  if redis.call('HINCRBY', P .. 'waiting', field, by) == 0 then
    redis.call('HDEL', P .. 'waiting', field)
  end
end

local let_go_of = {}
local function let_go(job)
  redis.call('SREM', P .. 'hand:' .. job.worker, job.seq)
  let_go_of[job.worker] = true
  -- It may have been all that kept another one from starting.
  rings = true
  if job.cancel then
    redis.call('SREM', P .. 'asked:' .. job.worker, job.seq)
  end
  count(job.task, job.lane, job.schedule, -1)
end

-- Tell those who wait for it that a job has ended.
local has_waiters
local function tell(id)
  if has_waiters == nil then
    has_waiters = redis.call('EXISTS', P .. 'waiters') == 1
  end
  if not has_waiters then
    return
  end
  local key = P .. 'awaited:' .. id
  for _, waiter in ipairs(redis.call('SMEMBERS', key)) do
    redis.call('RPUSH', P .. 'told:' .. waiter, id)
    redis.call('PEXPIRE', P .. 'told:' .. waiter, 60000)
    redis.call('DEL', key)
  end
end

-- Take a job out of the place of its state, so that it stands nowhere.
local function leave(job)
  if job.state == 'READY' then
    if job.parked then
      redis.call('ZREM', P .. 'suspects', job.seq)
    else
      redis.call('ZREM', P .. 'lane:' .. job.lane, job.seq)
      tidy_lane(job.lane)
    end
  elseif job.state == 'RUNNING' then
    let_go(job)
  elseif ENDED[job.state] then
    redis.call('ZREM', P .. 'ended', job.seq)
  else
    if job.state == 'SCHEDULED' then
      redis.call('ZREM', P .. 'due', job.seq)
    end
    count_waiting(job, -1)
  end
end

-- Put a job that stands nowhere into the place of its state; `at` is when it is due, or ended.
local function enter(job, at)
  if job.state == 'READY' then
    if job.parked then
      redis.call('ZADD', P .. 'suspects', job.rank, job.seq)
    else
      enter_lane(job.lane, job.rank, job.seq)
    end
    rings = true
  elseif ENDED[job.state] then
    redis.call('ZADD', P .. 'ended', at, job.seq)
    if job.key and redis.call('HGET', P .. 'unique', job.key) == job.seq then
      redis.call('HDEL', P .. 'unique', job.key)
    end
    tell(job.id)
  else
    if job.state == 'SCHEDULED' then
      redis.call('ZADD', P .. 'due', at, job.seq)
      rings = true
    end
    count_waiting(job, 1)
  end
end

local function settle()
  local moved = {}
  for _, of_lane in pairs(groups) do
    for _, group in pairs(of_lane) do
      for _, key in ipairs(group) do
        moved[key] = (moved[key] or 0) + group.by
      end
    end
  end
  for key, by in pairs(moved) do
    if by ~= 0 and redis.call('HINCRBY', P .. 'running', key, by) == 0 then
      redis.call('HDEL', P .. 'running', key)
    end
  end
  for worker in pairs(let_go_of) do
    if redis.call('EXISTS', P .. 'hand:' .. worker) == 0 then
      redis.call('SREM', P .. 'hands', worker)
    end
  end
  if rings then
    for _, worker in ipairs(redis.call('SMEMBERS', P .. 'armed')) do
      redis.call('PUBLISH', P .. 'bell:' .. worker, '')
    end
  end
end
