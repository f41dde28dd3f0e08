-- needs: places
-- Look through the newest jobs for those that match.
--
-- ARGV[2]  how many of the newest were looked at before
-- ARGV[3]  how many to look at
-- ARGV[4]  state, ARGV[5] queue, ARGV[6] tenant, ARGV[7] task: each as '=' and a value, or '' for any
-- ARGV[8]  how many to return at the most
--
-- Returns {how many there were to look at, seq, seq, ...}.

local ids = redis.call('ZREVRANGE', P .. 'jobs', ARGV[2], ARGV[2] + ARGV[3] - 1, 'WITHSCORES')
local told = {#ids / 2}

local function matches(value, wanted)
  return wanted == '' or '=' .. value == wanted
end

for n = 2, #ids, 2 do
  local job = load_job(string.format('%016.0f', ids[n]))
  local at = job and parts_of(job.lane)
  if job and #told <= tonumber(ARGV[8]) and matches(job.state, ARGV[4])
    and matches(at.queue, ARGV[5]) and matches(at.tenant, ARGV[6]) and matches(job.task, ARGV[7]) then
    told[#told + 1] = job.seq
  end
end
return told
