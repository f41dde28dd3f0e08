-- needs: places
-- Count what has not ended but for what stands in lanes, and list the workers and the rings.
--
-- ARGV[2]  how many of the oldest jobs to look at for the one that has been ready for longest
--
-- Returns {now, {queue, tenant, state, count, ...}, since when a job is ready or '', {band, queue,
-- gate, ...}, {worker, expires, jobs in hand, info, joined, beat, progress, memory, stop}, ...}.

local counts, oldest = {}, nil

local function add(state, queue, tenant, by)
  local field = state .. ':' .. #queue .. ':' .. queue .. tenant
  counts[field] = counts[field] or {queue, tenant, state, 0}
  counts[field][4] = counts[field][4] + by
end

local function look_at(seq)
  local job = redis.call('HMGET', P .. 'job:' .. seq, 'state', 'eligible')
  local since = job[1] == 'READY' and tonumber(job[2])
  if since and (not oldest or since < oldest) then
    oldest = since
  end
end

for _, seq in ipairs(redis.call('ZRANGE', P .. 'suspects', 0, -1)) do
  local at = parts_of(redis.call('HGET', P .. 'job:' .. seq, 'lane'))
  add('READY', at.queue, at.tenant, 1)
  look_at(seq)
end
local first = redis.call('ZRANGE', P .. 'jobs', 0, ARGV[2] - 1, 'WITHSCORES')
for n = 2, #first, 2 do
  look_at(string.format('%016.0f', first[n]))
end
local waiting = redis.call('HGETALL', P .. 'waiting')
for n = 1, #waiting, 2 do
  local state, length, at = string.match(waiting[n], '^(%u+):(%d+):()')
  add(
    state, string.sub(waiting[n], at, at + length - 1), string.sub(waiting[n], at + length),
    tonumber(waiting[n + 1])
  )
end
for _, worker in ipairs(redis.call('SMEMBERS', P .. 'hands')) do
  for _, seq in ipairs(redis.call('SMEMBERS', P .. 'hand:' .. worker)) do
    local at = parts_of(redis.call('HGET', P .. 'job:' .. seq, 'lane'))
    add('RUNNING', at.queue, at.tenant, 1)
  end
end

local lanes_told = {}
for _, lane in pairs(counts) do
  for _, value in ipairs(lane) do
    lanes_told[#lanes_told + 1] = value
  end
end
local rings_told = {}
for _, band in ipairs({'0', '1'}) do
  for _, queue in ipairs(redis.call('ZRANGE', P .. 'queues:' .. band, 0, -1)) do
    for _, gate in ipairs(redis.call('ZRANGE', P .. 'gates:' .. band .. ':' .. queue, 0, -1)) do
      for _, value in ipairs({band, queue, gate}) do
        rings_told[#rings_told + 1] = value
      end
    end
  end
end
local told = {NOW, lanes_told, oldest and text(oldest) or '', rings_told}
local workers = redis.call('ZRANGE', P .. 'workers', 0, -1, 'WITHSCORES')
for n = 1, #workers, 2 do
  local worker = workers[n]
  local known = redis.call(
    'HMGET', P .. 'worker:' .. worker, 'info', 'joined', 'beat', 'progress', 'memory',
    'stop'
  )
  told[#told + 1] = {
    worker, workers[n + 1], redis.call('SCARD', P .. 'hand:' .. worker), known[1], known[2],
    known[3], known[4], known[5] or '', known[6] or '',
  }
end
return told
