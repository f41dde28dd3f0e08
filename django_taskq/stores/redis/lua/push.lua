-- needs: places shelf
-- Store XCom values, later ones over earlier ones.
--
-- ARGV[2]  and so on, seven for each: space, key, value, microseconds of its life or '', then the
--          public id of the job that pushed it, its attempt and its name, all '' for nobody
--
-- What a job pushed that is not here, or in an attempt that is not its latest, nobody would read: it
-- is left out.
--
-- Returns how many were stored.

local count = 0
for at = 2, #ARGV, 7 do
  local space, key, job, attempt = ARGV[at], ARGV[at + 1], ARGV[at + 4], ARGV[at + 5]
  local found = job ~= '' and look_up(job)
  if job == '' or (found and found[2] == attempt) then
    local slot, pushed = slot_of(space, key), P .. 'pushed:' .. job
    local before = redis.call('HGET', pushed, slot)
    if before then
      remove(before)
    end
    local number = text(redis.call('INCR', P .. 'pushes'))
    local written = {'space', space, 'key', key, 'value', ARGV[at + 2], 'pushed', NOW}
    if job ~= '' then
      for _, value in ipairs({'job', job, 'attempt', attempt, 'by', ARGV[at + 6]}) do
        written[#written + 1] = value
      end
    end
    if ARGV[at + 3] ~= '' then
      written[#written + 1] = 'expires'
      written[#written + 1] = text(now + ARGV[at + 3])
      redis.call('ZADD', P .. 'expiring', text(now + ARGV[at + 3]), number)
    end
    redis.call('HSET', P .. 'xcom:' .. number, unpack(written))
    redis.call('HSET', pushed, slot, number)
    redis.call('ZADD', P .. 'slot:' .. slot, number, number)
    redis.call('ZADD', P .. 'space:' .. space, 0, key)
    redis.call('ZADD', P .. 'spaces', 0, space)
    count = count + 1
  end
end
return count
