-- Where XCom values stand, and which of them may be read. Put behind places.
--
-- A space is `len(tenant):` with the names of tenant and namespace, a slot is `len(space):` with the
-- space and a key.

local WAITS = {READY = true, SCHEDULED = true, DEFERRED = true}

local function slot_of(space, key)
  return #space .. ':' .. space .. key
end

local jobs_seen = {}
-- The state and the attempt of a job by its public id, false where it is not here.
local function look_up(id)
  local known = jobs_seen[id]
  if known == nil then
    local score = redis.call('ZSCORE', P .. 'jobs', id)
    known = score
      and redis.call('HMGET', P .. 'job:' .. string.format('%016.0f', score), 'state', 'attempt')
    jobs_seen[id] = known
  end
  return known
end

local function is_read(expires, job, attempt, is_kept)
  if expires and tonumber(expires) <= now then
    return false
  end
  if not job or is_kept then
    return true
  end
  local found = look_up(job)
  return found and found[2] == attempt and not WAITS[found[1]]
end

-- The number of the value that counts in a slot; `by` is who pushed it, '' for anybody.
local function top_of(slot, by)
  local from = 0
  while true do
    local page = redis.call('ZREVRANGE', P .. 'slot:' .. slot, from, from + 19)
    for _, number in ipairs(page) do
      local found = redis.call(
        'HMGET', P .. 'xcom:' .. number, 'expires', 'job', 'attempt', 'kept', 'by', 'pushed'
      )
      -- One without a time was evicted.
      if found[6] and (by == '' or found[5] == by)
        and is_read(found[1], found[2], found[3], found[4]) then
        return number
      end
    end
    if #page < 20 then
      return nil
    end
    from = from + 20
  end
end

-- Delete a value, and what stood for it. Of one that was evicted only who asks may know its place.
local function remove(number, space, key)
  local found = redis.call('HMGET', P .. 'xcom:' .. number, 'space', 'key', 'job')
  local pushed = P .. 'pushed:' .. (found[3] or '')
  space, key = found[1] or space, found[2] or key
  redis.call('DEL', P .. 'xcom:' .. number)
  redis.call('ZREM', P .. 'expiring', number)
  if not space then
    return
  end
  local slot = slot_of(space, key)
  redis.call('ZREM', P .. 'slot:' .. slot, number)
  if redis.call('EXISTS', P .. 'slot:' .. slot) == 0 then
    redis.call('ZREM', P .. 'space:' .. space, key)
    if redis.call('EXISTS', P .. 'space:' .. space) == 0 then
      redis.call('ZREM', P .. 'spaces', space)
    end
  end
  if redis.call('HGET', pushed, slot) == number then
    redis.call('HDEL', pushed, slot)
  end
end

-- Have the values of a job that leaves stay, but for those of earlier attempts.
local function outlive(id, attempt)
  for _, number in ipairs(redis.call('HVALS', P .. 'pushed:' .. id)) do
    if redis.call('HGET', P .. 'xcom:' .. number, 'attempt') == attempt then
      redis.call('HSET', P .. 'xcom:' .. number, 'kept', '1')
    else
      remove(number)
    end
  end
end
