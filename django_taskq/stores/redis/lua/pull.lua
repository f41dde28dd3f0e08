-- needs: places shelf
-- Read XCom values, each from the first space that has one under its key.
--
-- ARGV[2]  who pushed them, '' for anybody
-- ARGV[3]  how many spaces
-- ARGV[4]  and so on, the spaces, then the keys
--
-- Returns {value or nil for each key}.

local by, first_key, told = ARGV[2], 4 + ARGV[3], {}
for n = first_key, #ARGV do
  local number
  for space = 4, first_key - 1 do
    number = number or top_of(slot_of(ARGV[space], ARGV[n]), by)
  end
  told[#told + 1] = number and redis.call('HGET', P .. 'xcom:' .. number, 'value') or false
end
return told
