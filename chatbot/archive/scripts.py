"""The scripts of the archive streams. Least server version 6.2, for XAUTOCLAIM.

The consumer group's pending list says who works on what: an entry leaves it, and the stream, in the step
that counts it off in its session. XACK tells whether the entry was still pending, so each is counted off
once, however many consumers believe that they have just written it.
"""

from typing import Final

# KEYS[1] the stream; ARGV: consumer, how many entries, claim what was pending for so many ms (0: claim
# nothing). Returns what this consumer holds, the oldest first, and what nobody has held yet, now held here,
# too. Reading what one holds renews the hold. A claim goes on past entries that are held by the living.
TAKE: Final = """
local stream, consumer, count, idle = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
-- Refused where the group is there already; made again where the stream was lost.
redis.pcall('XGROUP', 'CREATE', stream, 'archive', '0', 'MKSTREAM')
if idle > 0 then
    local cursor, claimed = '0-0', 0
    repeat
        local reply = redis.call(
            'XAUTOCLAIM', stream, 'archive', consumer, idle, cursor, 'COUNT', count, 'JUSTID')
        cursor, claimed = reply[1], #reply[2]
    until cursor == '0-0' or claimed > 0
end
local function read(from)
    local reply = redis.call(
        'XREADGROUP', 'GROUP', 'archive', consumer, 'COUNT', count, 'STREAMS', stream, from)
    -- Name and rows of the one stream; fakeredis leaves out the list around them.
    while reply and type(reply[1]) == 'table' do
        reply = reply[1]
    end
    return reply and reply[2] or {}
end
local held = read('0')
return {held, read('>')}
"""

# KEYS: stream, session, tries; ARGV: ttl of the hot copy (s), entry ids. Returns how many were still pending.
# A session of which nothing is left to archive may expire.
SETTLE: Final = """
local settled = 0
for index = 2, #ARGV do
    settled = settled + redis.call('XACK', KEYS[1], 'archive', ARGV[index])
    redis.call('XDEL', KEYS[1], ARGV[index])
    redis.call('HDEL', KEYS[3], ARGV[index])
end
if settled > 0 and redis.call('EXISTS', KEYS[2]) == 1 then
    local left = redis.call('HINCRBY', KEYS[2], 'unsettled', -settled)
    if left < 0 then
        redis.call('HSET', KEYS[2], 'unsettled', 0)
    end
    if left <= 0 and tonumber(redis.call('HGET', KEYS[2], 'stuck') or 0) <= 0 then
        redis.call('EXPIRE', KEYS[2], ARGV[1])
    end
end
return settled
"""

# KEYS: stream, session, tries, dead letters; ARGV: entry id, why. The session's hash stays while it has any.
BURY: Final = """
local rows = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])
if redis.call('XACK', KEYS[1], 'archive', ARGV[1]) == 0 then
    return 0
end
redis.call('XDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
if rows[1] then
    local fields = rows[1][2]
    redis.call('XADD', KEYS[4], '*', 'reason', ARGV[2], unpack(fields))
    if redis.call('EXISTS', KEYS[2]) == 1 then
        redis.call('HINCRBY', KEYS[2], 'unsettled', -1)
        redis.call('HINCRBY', KEYS[2], 'stuck', 1)
    end
end
return 1
"""

# KEYS: dead letters, stream, session; ARGV: the dead letter's id. Back to the stream, as a new entry.
REVIVE: Final = """
local rows = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])
if not rows[1] then
    return 0
end
redis.call('XADD', KEYS[2], '*', unpack(rows[1][2], 3))
redis.call('XDEL', KEYS[1], ARGV[1])
if redis.call('EXISTS', KEYS[3]) == 1 then
    redis.call('HINCRBY', KEYS[3], 'stuck', -1)
    redis.call('HINCRBY', KEYS[3], 'unsettled', 1)
end
return 1
"""

# KEYS: dead letters, session; ARGV: the session's id. Its dead letters are dropped.
DISCARD: Final = """
local dropped = 0
for _, row in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
    for index = 1, #row[2], 2 do
        if row[2][index] == 'session' and row[2][index + 1] == ARGV[1] then
            dropped = dropped + redis.call('XDEL', KEYS[1], row[1])
        end
    end
end
if dropped > 0 and redis.call('EXISTS', KEYS[2]) == 1 then
    redis.call('HINCRBY', KEYS[2], 'stuck', -dropped)
end
return dropped
"""

# KEYS[1] the stream; ARGV: a consumer that leaves, or ""; ms of silence after which any is forgotten. Only
# one that holds nothing: what a removed consumer held would never be delivered again.
RETIRE: Final = """
local retired = 0
-- Refused where there is no such stream, which leaves nothing to go through.
for _, row in ipairs(redis.pcall('XINFO', 'CONSUMERS', KEYS[1], 'archive')) do
    local facts = {}
    for index = 1, #row, 2 do
        facts[row[index]] = row[index + 1]
    end
    if facts.pending == 0 and (facts.name == ARGV[1] or facts.idle > tonumber(ARGV[2])) then
        redis.call('XGROUP', 'DELCONSUMER', KEYS[1], 'archive', facts.name)
        retired = retired + 1
    end
end
return retired
"""
