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
if ARGV[3] == '1' then
  local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  redis.call('SET', P .. 'epoch', ARGV[2] .. ':' .. server)
else
  redis.call('DEL', P .. 'epoch')
end
return 1
