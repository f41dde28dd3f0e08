-- That what Redis holds is what this epoch handed out. Put in front of every script of a store that
-- is backed by rows, before places.
--
-- KEYS[1]  the hash tag of the alias
-- ARGV[1]  the epoch that the caller goes by, '' where it knows of none; a slash; and what places
--          expects
--
-- A script answers with an error that begins with NOEPOCH where there is no such epoch: the key is
-- gone with what Redis held; or the server is another one than it was written on, since it was
-- started anew or is a replica that was promoted; or another epoch has begun.

do
  local expected, given = string.match(ARGV[1], '^(%d*)/(%d*)$')
  local key = KEYS[1] .. ':epoch'
  local kept = redis.call('GET', key)
  for n = 1, kept and 0 or 3 do
    -- A key alone may have been evicted; where all was lost no copy is left.
    kept = redis.call('GET', key .. ':' .. n)
    if kept then
      redis.call('SET', key, kept)
      break
    end
  end
  kept = kept or ''
  local number, server = string.match(kept, '^(%d+):(%x+)$')
  if not number or (expected ~= '' and expected ~= number)
    or not string.find(redis.call('INFO', 'server'), 'run_id:' .. server, 1, true) then
    return redis.error_reply('NOEPOCH ' .. kept)
  end
  ARGV[1] = given
end
