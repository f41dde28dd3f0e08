-- needs: places
-- Tell where jobs stand.
--
-- ARGV[2]  'seq' or 'id': what the rest names
-- ARGV[3]  '1' where those that wait are to leave, so that nobody gets them
-- ARGV[4]  and so on, what is asked for
--
-- Returns for each that is here: seq, id, state, attempt, worker or '', claimed or '', eligible or ''.

local told = {}
for n = 4, #ARGV do
  local seq = ARGV[n]
  if ARGV[2] == 'id' then
    local score = redis.call('ZSCORE', P .. 'jobs', seq)
    seq = score and string.format('%016.0f', score)
  end
  local job = seq and load_job(seq)
  if job then
    local more = redis.call('HMGET', P .. 'job:' .. seq, 'claimed', 'eligible')
    told[#told + 1] = {
      seq, job.id, job.state, job.attempt, job.worker or '', more[1] or '', more[2] or ''
    }
    if ARGV[3] == '1' and job.state ~= 'RUNNING' then
      leave(job)
      redis.call('DEL', P .. 'job:' .. seq)
      redis.call('ZREM', P .. 'jobs', job.id)
    end
  end
end
settle()
return told
