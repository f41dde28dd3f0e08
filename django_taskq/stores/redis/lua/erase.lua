-- needs: places shelf
-- Delete XCom values of a space, whoever pushed them.
--
-- ARGV[2]  the space
-- ARGV[3]  how many values after which to stop
-- ARGV[4]  and so on, the keys; where there are none, all of the space
--
-- Returns how many.

local keys, most, count = {unpack(ARGV, 4)}, tonumber(ARGV[3]), 0
if #keys == 0 then
  keys = redis.call('ZRANGE', P .. 'space:' .. ARGV[2], 0, most - 1)
end
for _, key in ipairs(keys) do
  local slot = P .. 'slot:' .. slot_of(ARGV[2], key)
  for _, number in ipairs(redis.call('ZRANGE', slot, 0, most - count - 1)) do
    remove(number, ARGV[2], key)
    count = count + 1
  end
  if count >= most then
    break
  end
end
return count
