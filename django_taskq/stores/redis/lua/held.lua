-- needs: places
-- Tell what a worker holds.
--
-- ARGV[2]  the worker
--
-- Returns {seq, attempt, seq, attempt, ...}.

local told = {}
for _, seq in ipairs(redis.call('SMEMBERS', P .. 'hand:' .. ARGV[2])) do
  told[#told + 1] = seq
  told[#told + 1] = redis.call('HGET', P .. 'job:' .. seq, 'attempt')
end
return told
