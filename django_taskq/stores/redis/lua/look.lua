-- needs: places limits hand
-- Find the lanes that come next in turn and may start a job; take at once where one is all there
-- is, and nothing bounds it.
--
-- ARGV[6]  the worker
-- ARGV[7]  how many lanes of a band at the most
-- ARGV[8]  how many jobs to take where there is but one lane, 0 for none
-- ARGV[9]  a JSON object: `queues`, in turn, or null for all; `behind`, the queue served last or
--          null; `excluded`, by queue; `names`, the tenants to serve or null, and `is_rest` where
--          all but these; `turns`, by band and queue: the tenant served last, and how many of
--          `names` do not come after it
-- ARGV[10] '1' where the worker rests if there is nothing, and may be handed a job then, '0' where it
--          may be resting since an earlier look, else ''
--
-- Returns what take returns, and band, queue, tenant and jobs of the lane, and whether it rests: 1, 0
-- where it does no more, -1 where it did not; or {'seen', now,
-- microseconds until a limit opens by itself or -1, {{band, queue, gate, tenant, jobs, tenant, jobs,
-- ...}, ...}, 1 where there is no more, {} or {band, queue, tenant}: behind whom to go on, since so
-- many tenants were passed over that others would wait for the rest; and whether it rests}.

local worker, most, wanted = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local request = cjson.decode(ARGV[9])

local function rests(is_idle)
  if ARGV[10] == '' then
    return -1
  end
  if is_idle and ARGV[10] == '1' and redis.call('SISMEMBER', P .. 'armed', worker) == 1 then
    redis.call('SADD', P .. 'resting', worker)
    return 1
  end
  return redis.call('SREM', P .. 'resting', worker) - 1
end

local is_assigned = request.names ~= cjson.null
local listed = {}
if is_assigned and request.is_rest then
  for _, name in ipairs(request.names) do
    listed[name] = true
  end
end
local is_all = true
-- How many tenants one look is about: Redis does nothing else meanwhile.
local steps, stop = 2000, {}

local function queues_in_turn(band)
  local key = P .. 'queues:' .. band
  if request.queues ~= cjson.null then
    return request.queues
  end
  if request.behind == cjson.null then
    return redis.call('ZRANGE', key, 0, -1)
  end
  local found = redis.call('ZRANGEBYLEX', key, '(' .. request.behind, '+')
  for _, queue in ipairs(redis.call('ZRANGEBYLEX', key, '-', '[' .. request.behind)) do
    found[#found + 1] = queue
  end
  return found
end

-- Put a tenant on the list of a ring if one of its jobs may start.
local function offer(ring, at)
  steps = steps - 1
  if steps <= 0 then
    is_all, stop = false, {at.band, at.queue, at.tenant}
  end
  if RULES then
    local rule = rule_of('t:', at.tenant)
    if rule then
      if rule.paused then
        return
      end
      local own = limit_of_tenant(at.tenant)
      local wait = own and opens_in({own}) or not own and 0 or nil
      if wait ~= 0 then
        opens = math.min(opens, wait or math.huge)
        return
      end
    end
  end
  if may_start(bounds_of(at)) then
    ring[#ring + 1] = at.tenant
    ring[#ring + 1] = redis.call('ZCARD', P .. 'lane:' .. at.lane)
  end
end

local function walk(ring, name, first, last)
  local key, from = P .. 'ring:' .. name, 0
  while steps > 0 and #ring - 3 < 2 * most do
    local found = redis.call('ZRANGEBYLEX', key, first, last, 'LIMIT', from, most)
    for _, tenant in ipairs(found) do
      if steps <= 0 or #ring - 3 >= 2 * most then
        is_all = false
        return
      end
      if not listed[tenant] then
        offer(ring, parts_of(name .. tenant))
      end
    end
    if #found < most then
      return
    end
    from = from + most
  end
  is_all = false
end

-- Walk around the tenants that are named; they come sorted, and `after` of them come last.
local function walk_named(ring, name, after)
  local names = request.names
  for n = 1, #names do
    if steps <= 0 or #ring - 3 >= 2 * most then
      is_all = false
      return
    end
    local tenant = names[(after + n - 1) % #names + 1]
    local at = parts_of(name .. tenant)
    if redis.call('ZSCORE', P .. 'ring:' .. name, tenant) then
      offer(ring, at)
    else
      steps = steps - 0.2
      stop = steps <= 0 and {at.band, at.queue, tenant} or stop
    end
  end
end

local function look_behind(band, queue, gate)
  local name = band .. ':' .. #queue .. ':' .. #gate .. ':' .. queue .. gate
  local ring = {band, queue, gate}
  local turn = request.turns[band .. ':' .. queue]
  if is_assigned and not request.is_rest then
    walk_named(ring, name, turn and turn[2] or 0)
  elseif turn then
    walk(ring, name, '(' .. turn[1], '+')
    walk(ring, name, '-', '[' .. turn[1])
  else
    walk(ring, name, '-', '+')
  end
  return ring
end

local seen = {}
local function look_into(band, queue)
  local cap = limit_of_queue(queue)
  if request.excluded[queue] or is_paused('q:', queue) or (cap and not may_start({cap})) then
    return 0
  end
  local widest = 0
  for _, gate in ipairs(redis.call('ZRANGE', P .. 'gates:' .. band .. ':' .. queue, 0, -1)) do
    if gate == '' or may_start(limits_of_gate(gate)) then
      local ring = look_behind(band, queue, gate)
      if #ring > 3 then
        seen[#seen + 1] = ring
        widest = math.max(widest, (#ring - 3) / 2)
      end
    end
  end
  return widest
end

for _, band in ipairs({'0', '1'}) do
  local lanes_seen = 0
  for _, queue in ipairs(queues_in_turn(band)) do
    if steps <= 0 or lanes_seen >= most then
      is_all = false
      break
    end
    lanes_seen = lanes_seen + look_into(band, queue)
  end
end

if wanted > 0 and is_all and #seen == 1 and #seen[1] == 5 and not RULES and seen[1][3] == '' then
  local band, queue, gate, tenant = unpack(seen[1])
  local at = parts_of(band .. ':' .. #queue .. ':0:' .. queue .. tenant)
  local key = P .. 'lane:' .. at.lane
  local first = redis.call('ZRANGE', key, 0, wanted - 1)
  for _, seq in ipairs(first) do
    hand_out(seq, worker, at)
  end
  redis.call('ZREMRANGEBYRANK', key, 0, #first - 1)
  tidy_lane(at.lane)
  local told = settle_hand(worker)
  told[5], told[6], told[7], told[8], told[9] = band, queue, tenant, seen[1][5], rests(false)
  return told
end
local is_idle = #seen == 0 and is_all and not RULES and opens == math.huge
return {
  'seen', NOW, opens == math.huge and '-1' or text(opens), seen, is_all and 1 or 0, stop,
  rests(is_idle),
}
