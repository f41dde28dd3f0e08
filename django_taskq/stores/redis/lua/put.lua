-- needs:
-- Store one job that is ready and has no predictable id. What insert does, without the half of its
-- time that goes into what this does not need: most jobs come one by one.
--
-- Where nothing bounds it and no job is ready, it goes straight into the hand of a worker that rests,
-- along with the ring: as many hands as there are, nobody has a better claim. The worker is told of
-- nothing else then, and nobody else of this.
--
-- KEYS[1]  the hash tag of the alias
-- ARGV[1]  microseconds of the clock that was given, '' for Redis' own
-- ARGV[2]  '1' where ranks age
-- ARGV[3]  an epoch, should there be none
-- ARGV[4]  id
-- ARGV[5]  task
-- ARGV[6]  lane
-- ARGV[7]  rank (where it ages: by how many milliseconds its priority is ahead)
-- ARGV[8]  spec
-- ARGV[9]  metadata or ''
-- ARGV[10] the length of the longest spec that goes along with a ring
--
-- Returns {now}.

local P = KEYS[1] .. ':'
local NOW = ARGV[1]
if NOW == '' then
  local time = redis.call('TIME')
  NOW = string.format('%.0f', time[1] * 1000000 + time[2])
end

local last = redis.call('INCRBY', P .. 'seq', 1)
if last == 1 then
  local time = redis.call('TIME')
  last = time[1] * 1000000 + time[2] + 1
  redis.call('SET', P .. 'seq', string.format('%.0f', last))
  redis.call('SETNX', P .. 'epoch', ARGV[3])
end

local id, lane, rank = ARGV[4], ARGV[6], ARGV[7]
if ARGV[2] == '1' then
  rank = string.format('%.0f', math.floor(tonumber(NOW) / 1000) - rank)
end
local seq = string.format('%016.0f', last)
local job, line = P .. 'job:' .. seq, P .. 'lane:' .. lane
redis.call(
  'HSET', job, 'task', ARGV[5], 'lane', lane, 'rank', rank, 'spec', ARGV[8], 'state', 'READY',
  'eligible', NOW, 'id', id, 'enqueued', NOW
)
if ARGV[9] ~= '' then
  redis.call('HSET', job, 'metadata', ARGV[9])
end
redis.call('ZADD', P .. 'jobs', seq, id)

local band, queue, gate, at = string.match(lane, '^(%d):(%d+):(%d+):()')

-- A worker that rests, has its lease, and hears its ring for certain.
local function next_hand()
  for _ = 1, 8 do
    local worker = redis.call('SPOP', P .. 'resting')
    if not worker then
      return nil
    end
    local bell = P .. 'bell:' .. worker
    local expires = redis.call('ZSCORE', P .. 'workers', worker)
    local heard = redis.pcall('PUBSUB', 'NUMSUB', bell)
    if expires and tonumber(expires) >= tonumber(NOW) and heard[2] == 1 then
      return worker, bell
    end
  end
end

if gate == '0' and #ARGV[8] <= tonumber(ARGV[10])
  and redis.call('EXISTS', P .. 'queues:0', P .. 'queues:1') == 0 then
  local worker, bell = next_hand()
  if worker then
    redis.call('HSET', job, 'state', 'RUNNING', 'worker', worker, 'claimed', NOW, 'attempt', '1')
    local running, name = P .. 'running', at + queue
    redis.call('HINCRBY', running, 'task:' .. ARGV[5], 1)
    redis.call('HINCRBY', running, 'tenant:' .. string.sub(lane, name), 1)
    redis.call('HINCRBY', running, 'queue:' .. string.sub(lane, at, name - 1), 1)
    redis.call('SADD', P .. 'hand:' .. worker, seq)
    redis.call('SADD', P .. 'hands', worker)
    local metadata = ARGV[9] ~= '' and cjson.encode(ARGV[9]) or 'false'
    redis.call(
      'PUBLISH', bell, '["' .. NOW .. '",[1,"' .. seq .. '","' .. id .. '",' .. ARGV[8] .. ',"' .. NOW
        .. '",0,0,false,false,' .. metadata .. ',false,false,""]]'
    )
    return {NOW}
  end
end

redis.call('ZADD', line, rank, seq)
if redis.call('ZCARD', line) == 1 then
  queue = at + queue
  gate = queue + gate
  local queue_name, gate_name = string.sub(lane, at, queue - 1), string.sub(lane, queue, gate - 1)
  redis.call('ZADD', P .. 'ring:' .. string.sub(lane, 1, gate - 1), 0, string.sub(lane, gate))
  redis.call('ZADD', P .. 'gates:' .. band .. ':' .. queue_name, 0, gate_name)
  redis.call('ZADD', P .. 'queues:' .. band, 0, queue_name)
end
for _, worker in ipairs(redis.call('SMEMBERS', P .. 'armed')) do
  redis.call('PUBLISH', P .. 'bell:' .. worker, '')
end
return {NOW}
