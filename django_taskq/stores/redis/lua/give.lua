-- needs: places
-- Make what is here of jobs say what their rows say. May be run at any time, and again.
--
-- ARGV[2]  a JSON list, for each: seq, id, state, attempt, when it is due or '', '1' where it was
--          asked to stop, and a list of fields and values. One text is sent ten times as quickly as
--          forty.
-- ARGV[3]  '1' where rows were not locked while they were read: what has ended since stays away
--
-- A job that is READY or SCHEDULED is entered, unless an attempt that its row does not know of yet
-- is in somebody's hand. One that is RUNNING stays in the hand that its row names by the attempt,
-- and is told where it was asked to stop. Whatever else there is leaves; a state of '' is that of a
-- row that is gone.
--
-- Returns how many were entered.

local entered = 0

local function drop(job)
  leave(job)
  redis.call('DEL', P .. 'job:' .. job.seq)
  redis.call('ZREM', P .. 'jobs', job.id)
end

local function ask(job)
  if not job.cancel then
    redis.call('HSET', P .. 'job:' .. job.seq, 'cancel', NOW)
    redis.call('SADD', P .. 'asked:' .. job.worker, job.seq)
  end
end

local function has(job, fields, name)
  for at = 1, #fields, 2 do
    if fields[at] == name then
      return tostring(job[name]) == tostring(fields[at + 1])
    end
  end
  return true
end

-- Whether what is here is as the row says already, or newer.
local function is_told(job, state, attempt, fields)
  if tonumber(job.attempt) ~= attempt then
    return tonumber(job.attempt) > attempt
  end
  local is_behind = job.state == 'SCHEDULED' and state == 'READY'
  return job.state ~= 'RUNNING' and not is_behind
    and has(job, fields, 'lane') and has(job, fields, 'rank')
end

-- Jobs enter the list of all, and their lanes, together.
local listed, entering, order = {}, {}, {}
local function enter_anew(job, seq, id, state, due, fields)
  if job then
    drop(job)
  end
  redis.call('HSET', P .. 'job:' .. seq, 'id', id, 'state', state, unpack(fields))
  listed[#listed + 1] = seq
  listed[#listed + 1] = id
  entered = entered + 1
  local new = {seq = seq, id = id, state = state}
  for at = 1, #fields, 2 do
    new[fields[at]] = fields[at + 1]
  end
  if state ~= 'READY' or new.parked then
    enter(new, due)
    return
  end
  local line = entering[new.lane]
  if not line then
    line = {}
    entering[new.lane] = line
    order[#order + 1] = new.lane
  end
  line[#line + 1] = new.rank
  line[#line + 1] = seq
end

local function add_all(key, scored, first)
  for at = first, #scored, 2000 do
    redis.call('ZADD', key, unpack(scored, at, math.min(#scored, at + 1999)))
  end
end

local function enter_lanes()
  for _, lane in ipairs(order) do
    enter_lane(lane, entering[lane][1], entering[lane][2])
    add_all(P .. 'lane:' .. lane, entering[lane], 3)
    rings = true
  end
end

for _, row in ipairs(cjson.decode(ARGV[2])) do
  local seq, id, state, attempt, due, is_asked, fields = unpack(row)
  local job = load_job(seq)
  if state == 'READY' or state == 'SCHEDULED' then
    local is_over = not job and ARGV[3] == '1' and redis.call('EXISTS', P .. 'over:' .. seq) == 1
    if not is_over and not (job and is_told(job, state, attempt, fields)) then
      enter_anew(job, seq, id, state, due, fields)
    end
  elseif state == 'RUNNING' then
    if job and job.state == 'RUNNING' and tonumber(job.attempt) >= attempt then
      if is_asked == '1' then
        ask(job)
      end
    elseif job and tonumber(job.attempt) <= attempt then
      drop(job)
    end
  else
    if job and job.state == 'RUNNING' and tonumber(job.attempt) > attempt and state ~= '' then
      -- It was handed out while its row ended: whoever runs it is in vain.
      ask(job)
    elseif job then
      drop(job)
    end
    if ENDED[state] then
      tell(id)
      if not job then
        -- Who stored it may be about to hand it over.
        redis.call('SET', P .. 'over:' .. seq, '', 'PX', 10000)
      end
    end
  end
end
add_all(P .. 'jobs', listed, 1)
enter_lanes()
settle()
return entered
