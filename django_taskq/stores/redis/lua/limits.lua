-- What bounds how many jobs start. Put behind places in front of every script that hands jobs out.
--
-- ARGV[2]  the digest of what operators say, '' where they say nothing
-- ARGV[3]  how many jobs this claim has handed out already
-- ARGV[4]  how many could start at once: limited jobs are for these alone
-- ARGV[5]  by how many microseconds longer than elsewhere a start takes here
--
-- A script returns 'unruled' where what operators say has to be sent once more.

local RULES = ARGV[2] ~= '' and P .. 'rules:' .. ARGV[2]
if RULES and redis.call('EXISTS', RULES) == 0 then
  return 'unruled'
end
local started, free, patience = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
-- In how many microseconds the first of the limits that were met opens by itself.
local opens = math.huge

local PERIODS = {s = 1000000, m = 60000000, h = 3600000000}

local function limit_of(key, cap, starts, unit)
  local limit = {key = key, cap = cap}
  if starts then
    local period = PERIODS[unit]
    limit.slack = math.min(1000000, period / 50)
    limit.interval = math.ceil((period + 2 * limit.slack) / starts)
  end
  return limit
end

local rules = {}
local function rule_of(kind, name)
  local known = rules[kind .. name]
  if known == nil then
    known = redis.call('HGET', RULES, kind .. name)
    if known then
      local cap, starts, unit, paused = string.match(known, '^(%d*):(%d*)(%a*):(%d)$')
      known = {cap = tonumber(cap), starts = tonumber(starts), unit = unit, paused = paused == '1'}
    end
    rules[kind .. name] = known
  end
  return known
end

-- What is not understood bounds nothing: a later release may have written it.
local function limits_of_gate(gate)
  local task = string.match(gate, '^[^ ]*')
  local found = {}
  local cap, starts, unit
  for name, value in string.gmatch(string.sub(gate, #task + 1), '([^ =]+)=([^ ]*)') do
    if name == 'max_running' then
      cap = tonumber(string.match(value, '^%d+$'))
    elseif name == 'max_rate' then
      starts, unit = string.match(value, '^([1-9]%d*)/([smh])$')
      starts = tonumber(starts)
      if starts and starts > 1000000 then
        starts = nil
      end
    elseif name == 'schedule' then
      local schedule, most = string.match(value, '^(%d+):(%d+)$')
      found[1] = schedule and limit_of('schedule_id:' .. schedule, tonumber(most))
    end
  end
  if cap or starts then
    found[#found + 1] = limit_of('task:' .. task, cap, starts, unit)
  end
  return found
end

local function limit_of_queue(queue)
  local rule = RULES and rule_of('q:', queue)
  return rule and rule.cap and limit_of('queue:' .. queue, rule.cap)
end

local function limit_of_tenant(tenant)
  local rule = RULES and rule_of('t:', tenant)
  return rule and (rule.cap or rule.starts)
    and limit_of('tenant:' .. tenant, rule.cap, rule.starts, rule.unit)
end

local function is_paused(kind, name)
  local rule = RULES and rule_of(kind, name)
  return rule and rule.paused
end

local bounds = {}
-- All that bounds the jobs of a lane behind one gate.
local function bounds_of(at)
  local known = bounds[at.lane]
  if not known then
    known = at.gate ~= '' and limits_of_gate(at.gate) or {}
    known[#known + 1] = limit_of_queue(at.queue) or nil
    known[#known + 1] = limit_of_tenant(at.tenant) or nil
    bounds[at.lane] = known
  end
  return known
end

-- Rates: one microsecond is kept of each, at which the next start is due if all go evenly.

local next_at, spent = {}, {}
local function due_of(limit)
  local due = next_at[limit.key]
  if not due then
    due = tonumber(redis.call('GET', P .. 'rate:' .. limit.key) or 0)
    next_at[limit.key] = due
  end
  return math.max(due, now)
end

-- In how many microseconds one more may start, nil where the end of a job has to come first.
local function opens_in(limits)
  local wait = 0
  for _, limit in ipairs(limits) do
    if limit.cap and running(limit.key) >= limit.cap then
      return nil
    end
    if limit.interval then
      wait = math.max(wait, due_of(limit) - limit.slack - now)
    end
  end
  return wait
end

local function may_start(limits)
  if #limits == 0 then
    return true
  end
  if started >= free then
    return false
  end
  local wait = opens_in(limits)
  if wait and wait > 0 then
    opens = math.min(opens, wait)
  end
  return wait == 0
end

-- Count a start; return within how many microseconds it has to come, '' for no matter when.
local function spend(limits)
  local ends
  for _, limit in ipairs(limits) do
    if limit.interval then
      local due = due_of(limit)
      ends = math.min(ends or math.huge, due - now + limit.slack + patience)
      next_at[limit.key] = due + limit.interval + patience
      spent[limit.key] = true
    end
  end
  return ends and text(ends) or ''
end

local function settle_starts()
  for key in pairs(spent) do
    -- Some time longer than it says anything: a clock that was given may go slower.
    local left = math.ceil((next_at[key] - now) / 1000) + 60000
    redis.call('SET', P .. 'rate:' .. key, text(next_at[key]), 'PX', text(left))
  end
  settle()
  return opens == math.huge and '-1' or text(opens)
end
