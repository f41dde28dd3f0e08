-- needs: places limits
-- Tell of a job what stands between it and its start; change nothing.
--
-- ARGV[6]  its public id
-- ARGV[7]  how far jobs in front of it, and beside it, are counted
-- ARGV[8]  how many workers to tell of
--
-- Returns {now} where it is not here; else {now, a JSON list as load returns, {worker as insights
-- tells of it, ...}, 1 where its queue is paused, 1 where its tenant is, {key of a closed limit,
-- microseconds until it opens or -1 where a job has to end, ...}, how many ready jobs come before
-- it in its lane, how many are ready in its queue}; both counts -1 where it stands in no lane.

local most = tonumber(ARGV[7])
local score = redis.call('ZSCORE', P .. 'jobs', ARGV[6])
local seq = score and string.format('%016.0f', score)
local fields = seq and redis.call('HGETALL', P .. 'job:' .. seq) or {}
if #fields == 0 then
  return {NOW}
end
table.insert(fields, 1, seq)
local job = load_job(seq)
local at = parts_of(job.lane)

local workers = {}
if not ENDED[job.state] then
  local found = redis.call('ZREVRANGE', P .. 'workers', 0, ARGV[8] - 1, 'WITHSCORES')
  for n = 1, #found, 2 do
    local known = redis.call(
      'HMGET', P .. 'worker:' .. found[n], 'info', 'joined', 'beat', 'progress', 'memory',
      'stop'
    )
    workers[#workers + 1] = {
      found[n], found[n + 1], redis.call('SCARD', P .. 'hand:' .. found[n]), known[1], known[2],
      known[3], known[4], known[5] or '', known[6] or '',
    }
  end
end

-- Count the ready jobs of a queue, lane by lane, until there are enough.
local function beside()
  local count = 0
  for _, band in ipairs({'0', '1'}) do
    for _, gate in ipairs(redis.call('ZRANGE', P .. 'gates:' .. band .. ':' .. at.queue, 0, most)) do
      local ring = band .. ':' .. #at.queue .. ':' .. #gate .. ':' .. at.queue .. gate
      for _, tenant in ipairs(redis.call('ZRANGE', P .. 'ring:' .. ring, 0, most)) do
        count = count + redis.call('ZCARD', P .. 'lane:' .. ring .. tenant)
        if count >= most then
          return most
        end
      end
    end
  end
  return count
end

local is_queue_paused, is_tenant_paused, closed, ahead, around = 0, 0, {}, -1, -1
if job.state == 'READY' then
  is_queue_paused = is_paused('q:', at.queue) and 1 or 0
  is_tenant_paused = is_paused('t:', at.tenant) and 1 or 0
  for _, limit in ipairs(bounds_of(at)) do
    local wait = opens_in({limit})
    if wait ~= 0 then
      closed[#closed + 1] = limit.key
      closed[#closed + 1] = wait and text(wait) or '-1'
    end
  end
  local rank = not job.parked and redis.call('ZRANK', P .. 'lane:' .. job.lane, seq)
  if rank then
    ahead, around = math.min(rank, most), beside()
  end
end
return {
  NOW, cjson.encode(fields), workers, is_queue_paused, is_tenant_paused, closed, ahead, around
}
