-- needs: places shelf
-- Delete ended jobs that are kept elsewhere, each where it still is what was kept. What their last
-- attempts pushed stays.
--
-- ARGV[2]  and so on, three for each: seq, attempt, rev
--
-- Returns how many.

local gone = {}
local have_values = redis.call('EXISTS', P .. 'spaces') == 1
for at = 2, #ARGV, 3 do
  local job = load_job(ARGV[at])
  if job and ENDED[job.state] and job.attempt == ARGV[at + 1] and job.rev == ARGV[at + 2] then
    if have_values then
      outlive(job.id, job.attempt)
    end
    redis.call('DEL', P .. 'job:' .. job.seq)
    redis.call('ZREM', P .. 'jobs', job.id)
    redis.call('ZREM', P .. 'ended', job.seq)
    gone[#gone + 1] = job.seq
  elseif not job then
    -- Evicted: there is nothing left to keep.
    redis.call('ZREM', P .. 'ended', ARGV[at])
  end
end
return #gone
