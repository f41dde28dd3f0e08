-- needs: places
-- Delete what was held before an epoch that has begun and is not open yet.
--
-- ARGV[2]  its number
-- ARGV[3]  for how many more milliseconds nobody else begins one
-- ARGV[4]  and so on, keys of the alias
--
-- Returns 1, or 0 where that is not the epoch that has begun, and nothing was deleted.

if redis.call('GET', P .. 'epoch') ~= ARGV[2] .. ':' then
  return 0
end
redis.call('PEXPIRE', P .. 'epoch', ARGV[3])
for n = 4, #ARGV do
  if ARGV[n] ~= P .. 'epoch' then
    redis.call('UNLINK', ARGV[n])
  end
end
return 1
