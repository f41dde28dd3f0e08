-- needs: places limits hand
-- Take suspects by rank and then in order; tenants take no turns here.
--
-- ARGV[6]  the worker
-- ARGV[7]  how many at the most
-- ARGV[8]  a JSON object: `queues` or null for all, `excluded`, by name; `served`, a list of
--          {names, is_rest}, in the order in which they come, empty for everybody
--
-- Returns what take returns.

local worker, wanted = ARGV[6], tonumber(ARGV[7])
local request = cjson.decode(ARGV[8])
local PAGE = 200

local function may_be_served(at, served)
  if request.excluded[at.queue] or is_paused('q:', at.queue) or is_paused('t:', at.tenant) then
    return false
  end
  if request.queues ~= cjson.null and not request.queues[at.queue] then
    return false
  end
  return not served or (served.names[at.tenant] or false) ~= served.is_rest
end

local function take(served)
  local from = 0
  while #taken < wanted do
    local page = redis.call('ZRANGE', P .. 'suspects', from, from + PAGE - 1)
    for _, seq in ipairs(page) do
      local lane = redis.call('HGET', P .. 'job:' .. seq, 'lane')
      local at = lane and parts_of(lane)
      if not at then
        -- Evicted: its number is all that was left of it.
        redis.call('ZREM', P .. 'suspects', seq)
      elseif #taken < wanted and may_be_served(at, served) and may_start(bounds_of(at)) then
        redis.call('ZREM', P .. 'suspects', seq)
        hand_out(seq, worker, at)
      else
        from = from + 1
      end
    end
    if #page < PAGE then
      return
    end
  end
end

if #request.served == 0 then
  take(nil)
end
for _, served in ipairs(request.served) do
  take(served)
end
return settle_hand(worker)
