-- Jobs on their way into the hand of a worker. Put behind limits in front of every script that
-- hands jobs out.

local taken, held = {}, {}

-- Hand out a job that stands nowhere any more.
local function hand_out(seq, worker, at)
  local key = P .. 'job:' .. seq
  local job = redis.call(
    'HMGET', key, 'attempt', 'task', 'id', 'spec', 'enqueued', 'tries', 'lost', 'started',
    'workers', 'metadata', 'ctx', 'attempts', 'begun', 'parked', 'schedule'
  )
  if not job[3] then
    -- Evicted: its number is all that was left of it.
    return
  end
  local attempt = text((job[1] or 0) + 1)
  redis.call(
    'HSET', key, 'state', 'RUNNING', 'worker', worker, 'claimed', NOW, 'attempt', attempt
  )
  if job[13] or job[14] then
    redis.call('HDEL', key, 'begun', 'parked')
  end
  local ends = spend(bounds_of(at))
  count(job[2], at.lane, job[15], 1)
  started = started + 1
  held[#held + 1] = seq
  job[1], job[2], job[13], job[14], job[15] = attempt, seq, ends, nil, nil
  taken[#taken + 1] = job
end

local function settle_hand(worker)
  for first = 1, #held, 1000 do
    redis.call(
      'SADD', P .. 'hand:' .. worker, unpack(held, first, math.min(#held, first + 999))
    )
  end
  if #held > 0 then
    redis.call('SADD', P .. 'hands', worker)
  end
  return {'taken', NOW, settle_starts(), #taken > 0 and cjson.encode(taken) or '[]'}
end
