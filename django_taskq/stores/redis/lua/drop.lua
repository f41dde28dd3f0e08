-- needs: places shelf
-- Delete ended jobs that are kept elsewhere, each where it still is what was kept. What their last
-- attempts pushed stays.
--
-- ARGV[2]  and so on, three for each: seq, attempt, rev
--
-- Returns how many.

local names, ids, ended = {}, {}, {}
local have_values = redis.call('EXISTS', P .. 'spaces') == 1
for at = 2, #ARGV, 3 do
  local seq = ARGV[at]
  local name = P .. 'job:' .. seq
  local job = redis.call('HMGET', name, 'state', 'attempt', 'rev', 'id')
  if not job[1] then
    -- Evicted: there is nothing left to keep.
    ended[#ended + 1] = seq
  elseif ENDED[job[1]] and (job[2] or '0') == ARGV[at + 1] and (job[3] or '0') == ARGV[at + 2] then
    if have_values then
      outlive(job[4], job[2] or '0')
    end
    names[#names + 1], ids[#ids + 1], ended[#ended + 1] = name, job[4], seq
  end
end
for first = 1, #ended, 1000 do
  local last = math.min(#ended, first + 999)
  redis.call('ZREM', P .. 'ended', unpack(ended, first, last))
  if first <= #names then
    last = math.min(#names, first + 999)
    redis.call('ZREM', P .. 'jobs', unpack(ids, first, last))
    redis.call('DEL', unpack(names, first, last))
  end
end
return #names
