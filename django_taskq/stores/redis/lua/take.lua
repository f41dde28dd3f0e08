-- needs: places limits hand
-- Take jobs from lanes that were seen, one at a time.
--
-- ARGV[6]  the worker
-- ARGV[7]  how many lanes there are; then for each how many gates it has jobs behind, and the lane
--          with each of these; then the numbers of the lanes to take one job from, in turn
--
-- Returns {'taken', now, microseconds until a limit opens by itself or -1, jobs}: a JSON list, of each
-- attempt, seq, id, spec, enqueued, tries, lost, started, workers, metadata, ctx, attempts and
-- microseconds within which it has to start or ''; false for what it has not.

local worker = ARGV[6]
local at = 7
local offers, asked = {}, {}
for n = 1, tonumber(ARGV[at]) do
  local offer = {}
  for m = 1, tonumber(ARGV[at + 1]) do
    offer[m] = {at = parts_of(ARGV[at + 1 + m]), used = 0}
  end
  at = at + 1 + #offer
  offers[n] = offer
end
for n = at + 1, #ARGV do
  local place = tonumber(ARGV[n])
  asked[place] = (asked[place] or 0) + 1
end

-- The first job of a line, as {seq, rank}; nothing is taken out before the end.
local function first_of(line, most)
  if not line.found then
    line.found = redis.call('ZRANGE', P .. 'lane:' .. line.at.lane, 0, most - 1, 'WITHSCORES')
  end
  local place = 2 * line.used
  return line.found[place + 1], tonumber(line.found[place + 2])
end

-- The line whose first job comes first, among those that may start.
local function first_line(offer, most)
  local best, best_rank, best_seq
  for _, line in ipairs(offer) do
    local seq, rank = first_of(line, most)
    if seq and (not best or rank < best_rank or (rank == best_rank and tonumber(seq) < best_seq))
      and may_start(bounds_of(line.at)) then
      best, best_rank, best_seq = line, rank, tonumber(seq)
    end
  end
  return best
end

for n = at + 1, #ARGV do
  local place = tonumber(ARGV[n])
  local line = first_line(offers[place], asked[place])
  if line then
    local seq = first_of(line)
    line.used = line.used + 1
    hand_out(seq, worker, line.at)
  end
end
for _, offer in ipairs(offers) do
  for _, line in ipairs(offer) do
    if line.used > 0 then
      redis.call('ZREMRANGEBYRANK', P .. 'lane:' .. line.at.lane, 0, line.used - 1)
      tidy_lane(line.at.lane)
    end
  end
end
return settle_hand(worker)
