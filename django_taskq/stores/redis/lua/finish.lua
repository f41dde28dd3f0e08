-- needs: places
-- Write successes that leave nothing else behind.
--
-- ARGV[2]  the worker
-- ARGV[3]  '1' where the end of any job may let another one start
-- ARGV[4]  nine for each: seq, attempt, started or '', finished or '', workers, result, metadata or
--          '', progress or '', ctx or ''
--
-- Returns {how many ended jobs are not archived, 1 or 0 where it was refused, ...}.

local worker = ARGV[2]
local OPTIONAL = {[6] = 'metadata', [7] = 'progress', [8] = 'ctx'}
local told = {0}
local ended, gone = {}, {}
for at = 4, #ARGV, 9 do
  local seq = ARGV[at]
  local key = P .. 'job:' .. seq
  local job = redis.call(
    'HMGET', key, 'state', 'attempt', 'worker', 'lane', 'task', 'id', 'key', 'cancel', 'tries',
    'started', 'begun', 'schedule'
  )
  local is_held = job[1] == 'RUNNING' and job[2] == ARGV[at + 1] and job[3] == worker
  if is_held then
    local finished = ARGV[at + 3] ~= '' and ARGV[at + 3] or NOW
    local written = {
      'state', 'SUCCESSFUL', 'tries', text((job[9] or 0) + 1), 'result', ARGV[at + 5],
      'finished', finished,
    }
    if ARGV[at + 2] ~= '' then
      written[#written + 1] = 'workers'
      written[#written + 1] = ARGV[at + 4]
      if not job[11] then
        written[#written + 1] = 'attempted'
        written[#written + 1] = ARGV[at + 2]
        if not job[10] then
          written[#written + 1] = 'started'
          written[#written + 1] = ARGV[at + 2]
        end
      end
    end
    for offset = 6, 8 do
      if ARGV[at + offset] ~= '' then
        written[#written + 1] = OPTIONAL[offset]
        written[#written + 1] = ARGV[at + offset]
      end
    end
    redis.call('HSET', key, unpack(written))
    gone[#gone + 1] = seq
    if job[8] then
      redis.call('SREM', P .. 'asked:' .. worker, seq)
    end
    count(job[5], job[4], job[12], -1)
    if job[7] and redis.call('HGET', P .. 'unique', job[7]) == seq then
      redis.call('HDEL', P .. 'unique', job[7])
    end
    ended[#ended + 1] = finished
    ended[#ended + 1] = seq
    tell(job[6])
    rings = rings or ARGV[3] == '1' or job[12] or parts_of(job[4]).gate ~= ''
  end
  told[#told + 1] = is_held and 1 or 0
end
if #gone > 0 then
  redis.call('SREM', P .. 'hand:' .. worker, unpack(gone))
  redis.call('ZADD', P .. 'ended', unpack(ended))
  let_go_of[worker] = true
end
settle()
told[1] = redis.call('ZCARD', P .. 'ended')
return told
