-- needs: places
-- Take the turn to sweep, or keep it, and say how far a look at everything has come.
--
-- ARGV[2]  who asks
-- ARGV[3]  for how many milliseconds nobody else has a turn
-- ARGV[4]  how far it has come, '' where it is over, '-' where the caller does not know
-- ARGV[5]  where one begins
-- ARGV[6]  for how many milliseconds nobody begins another one
--
-- Returns {1 where the turn is the caller's or 0, how far a look has come, '' where none is due}.

local holder = redis.call('GET', P .. 'sweeper')
if holder and holder ~= ARGV[2] then
  return {0, ''}
end
redis.call('SET', P .. 'sweeper', ARGV[2], 'PX', ARGV[3])
-- Who evicts takes what was not asked for the longest: the copies are asked for nowhere else.
local kept = redis.call('GET', P .. 'epoch')
for n = 1, kept and 3 or 0 do
  redis.call('SET', P .. 'epoch:' .. n, kept)
end
-- A turn that was lost meanwhile may have been somebody else's, who has come further.
if holder and ARGV[4] == '' then
  redis.call('DEL', P .. 'sweep')
elseif holder and ARGV[4] ~= '-' then
  redis.call('SET', P .. 'sweep', ARGV[4])
end
local come = redis.call('GET', P .. 'sweep')
-- Noted where it begins: who asks for another look while this one is under way gets it.
if not come and redis.call('SET', P .. 'swept', '1', 'NX', 'PX', ARGV[6]) then
  come = ARGV[5]
  redis.call('SET', P .. 'sweep', come)
end
return {1, come or ''}
