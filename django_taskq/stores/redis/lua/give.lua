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

-- Whether what is here is as the row says already, or newer.
local function is_told(job, state, attempt)
  if tonumber(job.attempt) ~= attempt then
    return tonumber(job.attempt) > attempt
  end
  return job.state ~= 'RUNNING' and not (job.state == 'SCHEDULED' and state == 'READY')
end

local function enter_anew(job, seq, id, state, due, fields)
  if job then
    drop(job)
  end
  redis.call('HSET', P .. 'job:' .. seq, 'id', id, 'state', state, unpack(fields))
  redis.call('ZADD', P .. 'jobs', seq, id)
  enter(load_job(seq), due)
  entered = entered + 1
end

for _, row in ipairs(cjson.decode(ARGV[2])) do
  local seq, id, state, attempt, due, is_asked, fields = unpack(row)
  local job = load_job(seq)
  if state == 'READY' or state == 'SCHEDULED' then
    local is_over = not job and ARGV[3] == '1' and redis.call('EXISTS', P .. 'over:' .. seq) == 1
    if not is_over and not (job and is_told(job, state, attempt)) then
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
settle()
return entered
