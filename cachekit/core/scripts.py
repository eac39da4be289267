"""Every Lua script, with its invariant above it.

Each runs in one cluster slot: its keys share one. None re-encodes JSON: Redis' cjson turns `[]` into `{}`
and reorders names. What stores a value does so before it writes anything else: a server out of memory
refuses only the first write of a script.
"""

from typing import Final

# Invariant: the value changes only from what the caller has read, and a key that is gone stays gone.
# A value that was removed meanwhile can therefore never come back to life.
# KEYS[1] the key; ARGV[1] the value read; ARGV[2] the new value; ARGV[3] its life in milliseconds.
# Returns 1 if replaced, 0 if the key is gone or holds something else by now.
COMPARE_AND_SET: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
    return 1
end
return 0
"""

# Tells one stored value from the next without sending it: its length, and both ends, one of which holds the
# millisecond in which it was loaded. See `fingerprint`, which gives the same.
_FINGERPRINT: Final = """
local function print_of(value)
    return #value .. ':' .. string.sub(value, 1, 256) .. string.sub(value, -256)
end
"""


def fingerprint(value: bytes | None) -> bytes:
    """What `print_of` gives in the scripts; empty for no value."""
    return b"" if value is None else b"%d:" % len(value) + value[:256] + value[-256:]


# Invariant: a lease is granted only to one who has seen what lies under the key; so of those who found
# the same value wanting, one loads, and the others learn of its result.
# KEYS[1] the value, KEYS[2] its lease; ARGV[1] the token, ARGV[2] the lease's life in milliseconds,
# ARGV[3] the fingerprint of the value seen, '' for none.
# Returns the value, if it is another one by now, nil if it is gone; 0 if the lease is granted; else the
# milliseconds that the lease of somebody else has left to live.
ACQUIRE: Final = (
    _FINGERPRINT
    + """
local found = redis.pcall('GET', KEYS[1])
if type(found) == 'table' then
    found = ''
end
if (found and print_of(found) or '') ~= ARGV[3] then
    return found
end
local left = redis.call('PTTL', KEYS[2])
if left > 0 then
    return left
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 0
"""
)

# Invariant: only who holds the lease prolongs it.
# KEYS[1] the lease; ARGV[1] the token, ARGV[2] its new life in milliseconds. Returns 1 if it was ours.
RENEW: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
"""

# Invariant: only who holds the lease gives it up. Those who wait listen for changes of the value: so it is
# touched, or, where there is none, made and removed at once, which nobody can see but all are told of.
# KEYS[1] the value, KEYS[2] its lease; ARGV[1] the token. Returns 1 if it was ours.
RELEASE: Final = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
    return 0
end
redis.call('DEL', KEYS[2])
local left = redis.call('PTTL', KEYS[1])
if left == -2 then
    redis.call('SET', KEYS[1], '')
    redis.call('DEL', KEYS[1])
elseif left > 0 then
    redis.call('PEXPIRE', KEYS[1], left)
end
return 1
"""

# Invariant: only who still holds the lease stores what was loaded under it. Deleting or setting the key
# takes the lease away, and so does its end: none of those is ever overwritten by an older load.
# KEYS[1] the value, KEYS[2] its lease; ARGV[1] the token, ARGV[2] the value, ARGV[3] its life in
# milliseconds. Returns 1 if stored.
PUBLISH: Final = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return 1
"""

# Invariant: a value is set only where no load is under way, unless it must be: then the caller first
# takes the load's lease away here, and tells the log of it.
# KEYS[1] the value, KEYS[2] its lease; ARGV[1] the value, ARGV[2] its life in milliseconds, ARGV[3] 1 to
# set it in any case, ARGV[4] the fingerprint of what must lie there, '' for nothing, '*' for anything.
# Returns 1 if set, 0 if something else lies there, -1 if a lease was taken away and nothing set.
OVERWRITE: Final = (
    _FINGERPRINT
    + """
if ARGV[4] ~= '*' then
    local found = redis.pcall('GET', KEYS[1])
    if type(found) == 'table' then
        found = ''
    end
    if (found and print_of(found) or '') ~= ARGV[4] then
        return 0
    end
end
local leased = redis.call('EXISTS', KEYS[2]) == 1
if leased and ARGV[3] ~= '1' then
    redis.call('DEL', KEYS[2])
    return -1
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if leased then
    redis.call('DEL', KEYS[2])
end
return 1
"""
)

# Invariant: the positions in a log are 1, 2, 3, … without a gap, every record names the log's
# incarnation, and what is trimmed is the oldest. The newest record older than the retention stays: it
# shows that nothing between it and the next one is missing.
# KEYS[1] the log; ARGV[1] the incarnation if a new one begins; ARGV[2] the retention in milliseconds,
# ARGV[3] the records kept at most; ARGV[4] the namespace, ARGV[5] the kind, and then one value for each
# rule. Without any it only makes sure that there is a log.
# Returns the incarnation, the last position, and the last record's id.
APPEND: Final = """
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local incarnation, position, id
if last and last[2][1] == 'log' and last[2][3] == 'n' then
    id, incarnation, position = last[1], last[2][2], tonumber(last[2][4])
end
if not position then
    incarnation, position = ARGV[1], 0
    id = redis.call('XADD', KEYS[1], '*', 'log', incarnation, 'n', '0', 'kind', 'birth')
end
for index = 6, #ARGV do
    position = position + 1
    id = redis.call('XADD', KEYS[1], '*', 'log', incarnation, 'n', string.format('%.0f', position),
        'kind', ARGV[5], 'ns', ARGV[4], 'value', ARGV[index])
end
local horizon = string.format('%.0f', redis.call('TIME')[1] * 1000 - ARGV[2])
local old = redis.call('XREVRANGE', KEYS[1], horizon, '-', 'COUNT', 1)[1]
if old then
    redis.call('XTRIM', KEYS[1], 'MINID', old[1])
end
redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[3])
return {incarnation, string.format('%.0f', position), id}
"""

# Invariant: a log that has gone back in time is never gone on with: positions that were given once
# would be given again, to other rules.
# KEYS[1] the log; ARGV[1] the incarnation that has lost records, ARGV[2] the new one. Returns 1 if begun.
REBIRTH: Final = """
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if last and last[2][1] == 'log' and last[2][2] ~= ARGV[1] then
    return 0
end
redis.call('XADD', KEYS[1], '*', 'log', ARGV[2], 'n', '0', 'kind', 'birth')
return 1
"""

# Invariant: only what a rule has made invalid is removed: an entry stamped at or after it stays.
# The stamp stands as `"log":["…",N]` among the fields before the data, or the header's end. Nearly always
# they are short; they take 64 KiB at most. A value without one (written by another service), or of another
# incarnation, goes.
# KEYS[1] the value; ARGV[1] the incarnation, ARGV[2] the rule's position. Returns 1 if removed.
RECLAIM: Final = """
local head, stop
for _, last in ipairs({4095, 65535}) do
    head = redis.pcall('GETRANGE', KEYS[1], 0, last)
    if type(head) == 'table' then
        return 0
    end
    stop = string.find(head, '"data":', 1, true) or string.find(head, '\\n', 1, true)
    if stop or #head <= last then
        break
    end
end
local fields = string.sub(head, 1, (stop or #head + 1) - 1)
local incarnation, position = string.match(fields, '"log":%["(%w+)",(%d+)%]')
if incarnation == ARGV[1] and tonumber(position) >= tonumber(ARGV[2]) then
    return 0
end
return redis.call('UNLINK', KEYS[1])
"""
