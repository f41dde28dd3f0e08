-- Jobs on their way into the hand of a worker. Put behind limits in front of every script that
-- hands jobs out.
--
-- Each is written as JSON by hand: its spec is JSON already, and quoting that once more would be
-- half of the work of a claim, here and where it is read.

local taken, held = {}, {}

local function quoted(value)
  return value and cjson.encode(value) or 'false'
end

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
  local told = '[' .. attempt .. ',"' .. seq .. '","' .. job[3] .. '",' .. job[4] .. ',"' .. job[5]
    .. '",' .. (job[6] or '0') .. ',' .. (job[7] or '0') .. ','
  if job[8] or job[9] or job[10] or job[11] or job[12] then
    told = told .. quoted(job[8]) .. ',' .. quoted(job[9]) .. ',' .. quoted(job[10]) .. ','
      .. quoted(job[11]) .. ',' .. quoted(job[12])
  else
    told = told .. 'false,false,false,false,false'
  end
  taken[#taken + 1] = told .. ',"' .. ends .. '"]'
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
  return {'taken', NOW, settle_starts(), '[' .. table.concat(taken, ',') .. ']'}
end
