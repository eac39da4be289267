"""The Lua scripts of the socket store, each with its invariant above it.

None re-encodes JSON: Redis' cjson turns `[]` into `{}` and reorders names.
"""

from typing import Final

# Invariant: a socket that is gone stays gone, and of a record only `lastActivity` changes. So only the form
# that we, and JSON.stringify, write is changed here: its four fields and nothing else, from the first byte
# to the last; no text inside it can be mistaken for the field.
# KEYS[1] the socket; ARGV[1] the moment of the activity, ARGV[2] the new life in milliseconds.
# Returns the new record; nil if the socket is gone; 0 if the record has another form.
TOUCH: Final = """
local stored = redis.pcall('GET', KEYS[1])
if not stored then
    return false
end
if type(stored) == 'table' then
    return 0
end
local text, moment = '"[^"\\\\]+"', '%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.?%d*Z'
for _, session in ipairs({'', '"sessionId":' .. text .. ','}) do
    local head = '{"userId":' .. text .. ',' .. session .. '"connectedAt":"' .. moment .. '",'
    local before = string.match(stored, '^(' .. head .. '"lastActivity":")' .. moment .. '"}$')
    if before then
        local touched = before .. ARGV[1] .. '"}'
        redis.call('SET', KEYS[1], touched, 'PX', ARGV[2])
        return touched
    end
end
return 0
"""

# Invariant: only what its remover has seen is removed; a record that has changed since belongs to somebody.
# KEYS[1] the socket; ARGV[1] the record that was read. Returns 1 if removed.
COMPARE_AND_DELETE: Final = """
if redis.pcall('GET', KEYS[1]) == ARGV[1] then
    return redis.call('UNLINK', KEYS[1])
end
return 0
"""

# Invariant: a hint that was renewed after it was looked up stays.
# KEYS[1] a sorted set of sockets; ARGV[1] the score above which a hint counts as renewed, then the sockets.
# Returns how many were struck off.
STRIKE_OFF: Final = """
local struck = 0
for index = 2, #ARGV do
    local score = redis.call('ZSCORE', KEYS[1], ARGV[index])
    if score and tonumber(score) <= tonumber(ARGV[1]) then
        struck = struck + redis.call('ZREM', KEYS[1], ARGV[index])
    end
end
return struck
"""
