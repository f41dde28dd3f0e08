-- needs: places
-- Make what is here of jobs say what their rows say. May be run at any time, and again.
--
-- ARGV[2]  and so on for each: seq, id, state, attempt, when it is due or '', '1' where it was asked
--          to stop, how many fields and values follow, and these
--
-- A job that is READY or SCHEDULED is entered, unless an attempt that its row does not know of yet
-- is in somebody's hand. One that is RUNNING stays in the hand that its row names by the attempt,
-- and is told where it was asked to stop. Whatever else there is leaves; a state of '' is that of a
-- row that is gone.
--
-- Returns how many were entered.

local FIXED = 7
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

local function enter_anew(job, at, seq, state)
  if job then
    drop(job)
  end
  local id, due, count = ARGV[at + 1], ARGV[at + 4], tonumber(ARGV[at + 6])
  redis.call(
    'HSET', P .. 'job:' .. seq, 'id', id, 'state', state,
    unpack(ARGV, at + FIXED, at + FIXED + count - 1)
  )
  redis.call('ZADD', P .. 'jobs', seq, id)
  enter(load_job(seq), due)
  entered = entered + 1
end

local at = 2
while at <= #ARGV do
  local seq, id, state, attempt = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  local job = load_job(seq)
  if state == 'READY' or state == 'SCHEDULED' then
    if not (job and is_told(job, state, attempt)) then
      enter_anew(job, at, seq, state)
    end
  elseif state == 'RUNNING' then
    if job and job.state == 'RUNNING' and tonumber(job.attempt) >= attempt then
      if ARGV[at + 5] == '1' then
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
    end
  end
  at = at + FIXED + tonumber(ARGV[at + 6])
end
settle()
return entered
