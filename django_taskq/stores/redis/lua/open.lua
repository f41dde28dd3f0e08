-- needs: places
-- Open an epoch that has begun, on this server, or give it up.
--
-- ARGV[2]  its number
-- ARGV[3]  '1' to open it, '0' to give it up
--
-- Returns 1, or 0 where that is not the epoch that has begun.

if redis.call('GET', P .. 'epoch') ~= ARGV[2] .. ':' then
  return 0
end
if ARGV[3] == '0' then
  redis.call('DEL', P .. 'epoch')
  return 1
end
local kept = ARGV[2] .. ':' .. string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
redis.call('SET', P .. 'epoch', kept)
for n = 1, 3 do
  redis.call('SET', P .. 'epoch:' .. n, kept)
end
return 1
