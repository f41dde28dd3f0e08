-- needs: places
-- Store jobs, all or none.
--
-- ARGV[2]  '1' where ranks age
-- ARGV[3]  an epoch, should there be none
-- ARGV[4]  '1' where any of the jobs has a predictable id, or may be here already
-- ARGV[5]  ten for each job: id, task, lane, rank (where it ages: by how many milliseconds its
--          priority is ahead), run_after or '', spec, metadata or '', key or '', raise, return or
--          replace, and its schedule or ''
--
-- Returns {now} and, where ARGV[4] is '1', {id, enqueued, entry} for each job; or
-- {'held', number of the job, id, state, enqueued, eligible, fresh}, {'twice', number of the job}.

local ages, is_named, FIRST, WIDTH = ARGV[2] == '1', ARGV[4] == '1', 5, 10
local total = (#ARGV - FIRST + 1) / WIDTH

local function holder_of(key)
  local seq = redis.call('HGET', P .. 'unique', key)
  return seq and load_job(seq)
end

local function look(job)
  local told = redis.call('HMGET', P .. 'job:' .. job.seq, 'enqueued', 'eligible', 'started', 'workers')
  job.enqueued, job.eligible = told[1], told[2]
  job.is_fresh = (job.state == 'READY' or job.state == 'SCHEDULED') and not told[3] and not told[4]
  return job
end

if is_named then
  local named = {}
  for n = 0, total - 1 do
    local at = FIRST + n * WIDTH
    local key, mode = ARGV[at + 7], ARGV[at + 8]
    if key ~= '' and not redis.call('ZSCORE', P .. 'jobs', ARGV[at]) then
      local job = holder_of(key)
      if job then
        look(job)
        if mode == 'raise' or (mode == 'replace' and not job.is_fresh) then
          return {
            'held', n, job.id, job.state, job.enqueued, job.eligible or '', job.is_fresh and 1 or 0
          }
        end
      elseif named[key] and mode == 'raise' then
        return {'twice', n}
      end
      named[key] = true
    end
  end
end

local last = redis.call('INCRBY', P .. 'seq', total)
if last == total then
  local time = redis.call('TIME')
  last = time[1] * 1000000 + time[2] + total
  redis.call('SET', P .. 'seq', text(last))
  redis.call('SETNX', P .. 'epoch', ARGV[3])
end

local function rank_of(at, since)
  if ages then
    return text(math.floor(math.max(since, tonumber(ARGV[at + 4]) or 0) / 1000) - ARGV[at + 3])
  end
  return ARGV[at + 3]
end

-- Write what a spec says of a job that stands nowhere; one that is due has waited `since` then.
local function write(job, at, since, ...)
  local run_after, metadata, schedule = ARGV[at + 4], ARGV[at + 6], ARGV[at + 9]
  job.task, job.lane, job.rank = ARGV[at + 1], ARGV[at + 2], rank_of(at, since)
  local is_due = run_after == '' or tonumber(run_after) <= now
  job.state = is_due and 'READY' or 'SCHEDULED'
  local key = P .. 'job:' .. job.seq
  redis.call(
    'HSET', key, 'task', job.task, 'lane', job.lane, 'rank', job.rank, 'spec', ARGV[at + 5],
    'state', job.state, is_due and 'eligible' or 'due', is_due and text(since) or run_after, ...
  )
  if metadata ~= '' then
    redis.call('HSET', key, 'metadata', metadata)
  end
  if schedule ~= '' then
    redis.call('HSET', key, 'schedule', schedule)
  end
end

local function add(n, at)
  local job = {seq = string.format('%016.0f', last - total + n + 1), id = ARGV[at], enqueued = NOW}
  write(job, at, now, 'id', job.id, 'enqueued', NOW)
  redis.call('ZADD', P .. 'jobs', job.seq, job.id)
  return job
end

if not is_named then
  -- The jobs of a lane enter it together.
  local entering, order = {}, {}
  for n = 0, total - 1 do
    local at = FIRST + n * WIDTH
    local job = add(n, at)
    if job.state == 'READY' then
      local line = entering[job.lane]
      if not line then
        line = {}
        entering[job.lane] = line
        order[#order + 1] = job.lane
      end
      line[#line + 1] = job.rank
      line[#line + 1] = job.seq
    else
      enter(job, ARGV[at + 4])
    end
  end
  for _, lane in ipairs(order) do
    local line = entering[lane]
    enter_lane(lane, line[1], line[2])
    for first = 3, #line, 2000 do
      redis.call('ZADD', P .. 'lane:' .. lane, unpack(line, first, math.min(#line, first + 1999)))
    end
    rings = true
  end
  settle()
  return {NOW}
end

local told = {NOW}
for n = 0, total - 1 do
  local at = FIRST + n * WIDTH
  local key = ARGV[at + 7]
  local score = redis.call('ZSCORE', P .. 'jobs', ARGV[at])
  local job, entry = nil, 'new'
  if score then
    job = load_job(string.format('%016.0f', score))
  elseif key ~= '' then
    job = holder_of(key)
  end
  if score then
    -- It was stored before, by somebody who never knew.
    look(job)
    entry = 'existing'
  elseif not job then
    job = add(n, at)
    if key ~= '' then
      redis.call('HSET', P .. 'job:' .. job.seq, 'key', key)
      redis.call('HSET', P .. 'unique', key, job.seq)
    end
    enter(job, ARGV[at + 4])
  else
    look(job)
    entry = 'existing'
    if ARGV[at + 8] == 'replace' then
      entry = 'replaced'
      -- One that was ready keeps its time: else a busy id would never come to its turn.
      local since = job.state == 'READY' and tonumber(job.eligible) or now
      leave(job)
      redis.call('HDEL', P .. 'job:' .. job.seq, 'eligible', 'due', 'metadata', 'ctx', 'schedule')
      redis.call('HINCRBY', P .. 'job:' .. job.seq, 'rev', 1)
      write(job, at, since)
      enter(job, ARGV[at + 4])
    end
  end
  told[#told + 1] = {job.id, job.enqueued, entry}
end
settle()
return told
