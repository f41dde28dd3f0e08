-- needs: places
-- Write decided moves of jobs, each where its job still is what it was decided by.
--
-- ARGV[2]  and so on, a JSON object for each: seq, state, attempt and rev of the job as it was read;
--          `to`, the state it goes to, the same where it stays; `set`, fields to write, a `lane`
--          only of a job that waits; `drop`, fields to delete
--
-- Returns for each 'moved', 'stale' where the job has changed since, 'gone', or the public id of
-- the job that holds its predictable id.

local told = {}
for n = 2, #ARGV do
  local move = cjson.decode(ARGV[n])
  local job = load_job(move.seq)
  local verdict = 'moved'
  if not job then
    verdict = 'gone'
  elseif job.state ~= move.state or job.attempt ~= move.attempt or job.rev ~= move.rev then
    verdict = 'stale'
  elseif ENDED[job.state] and not ENDED[move.to] and job.key then
    if redis.call('HSETNX', P .. 'unique', job.key, job.seq) == 0 then
      local holder = redis.call('HGET', P .. 'unique', job.key)
      if holder ~= job.seq then
        verdict = redis.call('HGET', P .. 'job:' .. holder, 'id')
      end
    end
  end
  if verdict == 'moved' then
    local key = P .. 'job:' .. job.seq
    local is_moving = job.state ~= move.to or move.set.lane ~= nil
    if is_moving then
      leave(job)
    end
    local written = {'rev', text(job.rev + 1), 'state', move.to}
    for field, value in pairs(move.set) do
      written[#written + 1] = field
      written[#written + 1] = value
    end
    redis.call('HSET', key, unpack(written))
    if #move.drop > 0 then
      redis.call('HDEL', key, unpack(move.drop))
    end
    if is_moving then
      job.state = move.to
      job.lane = move.set.lane or job.lane
      job.rank = move.set.rank or job.rank
      job.parked = redis.call('HGET', key, 'parked')
      enter(job, move.set.finished or move.set.due or redis.call('HGET', key, 'due'))
    elseif move.set.cancel and job.state == 'RUNNING' then
      redis.call('SADD', P .. 'asked:' .. job.worker, job.seq)
    end
  end
  told[#told + 1] = verdict
end
settle()
return told
