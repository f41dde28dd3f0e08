-- needs: places
-- Take jobs that have ended as rows out of the hand of a worker; nothing stays of them.
--
-- ARGV[2]  the worker
-- ARGV[3]  '1' where the end of any job may let another one start
-- ARGV[4]  a JSON list: seq and attempt of each, as texts
--
-- Returns how many it held.

local worker = ARGV[2]
local keys, ids, seqs = {}, {}, {}
for _, fence in ipairs(cjson.decode(ARGV[4])) do
  local seq, attempt = unpack(fence)
  local key = P .. 'job:' .. seq
  local job = redis.call(
    'HMGET', key, 'state', 'attempt', 'worker', 'lane', 'task', 'id', 'cancel', 'schedule'
  )
  if job[1] == 'RUNNING' and job[2] == attempt and job[3] == worker then
    keys[#keys + 1] = key
    ids[#ids + 1] = job[6]
    seqs[#seqs + 1] = seq
    if job[7] then
      redis.call('SREM', P .. 'asked:' .. worker, seq)
    end
    count(job[5], job[4], job[8], -1)
    tell(job[6])
    rings = rings or ARGV[3] == '1' or job[8] or parts_of(job[4]).gate ~= ''
  end
end
if #seqs > 0 then
  redis.call('DEL', unpack(keys))
  redis.call('ZREM', P .. 'jobs', unpack(ids))
  redis.call('SREM', P .. 'hand:' .. worker, unpack(seqs))
  let_go_of[worker] = true
end
settle()
return #seqs
