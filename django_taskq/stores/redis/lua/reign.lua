-- needs: places
-- Tell which epoch this is.
--
-- Returns {what the key of the epoch holds or '', 1 where it was written on this server or 0}.

local kept = redis.call('GET', P .. 'epoch')
for n = 1, kept and 0 or 3 do
  -- A key alone may have been evicted.
  kept = kept or redis.call('GET', P .. 'epoch:' .. n)
end
kept = kept or ''
local server = string.match(kept, '^%d+:(%x+)$')
local holds = server and string.find(redis.call('INFO', 'server'), 'run_id:' .. server, 1, true)
return {kept, holds and 1 or 0}
