-- needs: places shelf
-- Look through the keys of a space, in their order, for the values that count.
--
-- ARGV[2]  the space
-- ARGV[3]  where among its keys to begin, as ZRANGEBYLEX takes it
-- ARGV[4]  how many keys to look at
-- ARGV[5]  '1' where the values are wanted too
--
-- Returns {the key looked at last or '' where there are no more, number, key, pushed, expires or nil,
-- job or nil, attempt or nil, by or nil, value or nil, number, ...}.

local most = tonumber(ARGV[4])
local keys = redis.call('ZRANGEBYLEX', P .. 'space:' .. ARGV[2], ARGV[3], '+', 'LIMIT', 0, most)
local told = {#keys < most and '' or keys[#keys]}
for _, key in ipairs(keys) do
  local number = top_of(slot_of(ARGV[2], key), '')
  if number then
    local found = redis.call(
      'HMGET', P .. 'xcom:' .. number, 'pushed', 'expires', 'job', 'attempt', 'by',
      ARGV[5] == '1' and 'value' or '-'
    )
    told[#told + 1] = number
    told[#told + 1] = key
    for place = 1, 6 do
      told[#told + 1] = found[place]
    end
  end
end
return told
