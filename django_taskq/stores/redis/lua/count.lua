-- needs: places
-- Count the ready jobs of tenants in one queue, band and gate.
--
-- ARGV[2]  band, ARGV[3] queue, ARGV[4] gate
-- ARGV[5]  where in the names to begin: '-', or '(' and the tenant counted last
-- ARGV[6]  how many tenants at the most
--
-- Returns {since when the first job of a lane is ready or '', tenant, jobs, tenant, jobs, ...}.

local queue, gate = ARGV[3], ARGV[4]
local ring = ARGV[2] .. ':' .. #queue .. ':' .. #gate .. ':' .. queue .. gate
local oldest
local told = {''}
local tenants = redis.call(
  'ZRANGEBYLEX', P .. 'ring:' .. ring, ARGV[5], '+', 'LIMIT', 0, ARGV[6]
)
for _, tenant in ipairs(tenants) do
  local lane = P .. 'lane:' .. ring .. tenant
  local first = redis.call('ZRANGE', lane, 0, 0)[1]
  local since = tonumber(redis.call('HGET', P .. 'job:' .. first, 'eligible') or NOW)
  oldest = math.min(oldest or since, since)
  told[#told + 1] = tenant
  told[#told + 1] = redis.call('ZCARD', lane)
end
told[1] = oldest and text(oldest) or ''
return told
