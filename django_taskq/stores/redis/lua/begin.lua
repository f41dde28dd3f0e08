-- needs: places
-- Begin an epoch: until it is opened nobody is handed anything.
--
-- ARGV[2]  its number
-- ARGV[3]  for how many milliseconds: so long nobody else begins one, should its beginner die
-- ARGV[4]  what the key of the epoch held when it was found that it does not hold any more
--
-- Returns 1, or 0 where that has changed.

local kept = redis.call('GET', P .. 'epoch')
for n = 1, kept and 0 or 3 do
  kept = kept or redis.call('GET', P .. 'epoch:' .. n)
end
if (kept or '') ~= ARGV[4] then
  return 0
end
for n = 1, 3 do
  redis.call('DEL', P .. 'epoch:' .. n)
end
redis.call('SET', P .. 'epoch', ARGV[2] .. ':', 'PX', ARGV[3])
return 1
