"""The scripts that change a session. Least server version 5.0.

Each begins with the same frame. KEYS[1] is the session's hash, KEYS[2] the archive stream of its partition;
ARGV[1] the user, ARGV[2] the session's id, ARGV[3] the moment as ISO-8601, ARGV[4] seconds that the hash is
kept, ARGV[5] "1" if there is an archive. The first word of every reply tells what has become of the call;
"absent" and "foreign" are the frame's own: there is no such hash, or it is not this user's.

Invariants: only the owner's existing session changes; a question and an answer are taken once, also if the
command is sent again because its reply was lost; numbers only grow. Whatever changes is handed to the
archive in the same step, and the hash does not expire before the archive has taken all of it.
"""

from typing import Final

_FRAME: Final = """
local session, stream = KEYS[1], KEYS[2]
local user, id, at, ttl, archived = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5] == '1'
local owner = redis.call('HGET', session, 'owner')
if not owner and redis.call('EXISTS', session) == 0 then
    return {'absent'}
end
if owner ~= user then
    return {'foreign'}
end

-- The lease runs by the server's clock: those of the hosts do not matter.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = redis.call('HMGET', session, 'answering', 'writer', 'lease')
local answering, writer = lease[1], lease[2]
local alive = answering and writer and tonumber(lease[3]) > now

local function hold(name, milliseconds)
    redis.call('HSET', session, 'writer', name, 'lease', string.format('%.0f', now + milliseconds))
end

local function hand_over(kind, number, document)
    local facts = redis.call('HMGET', session, 'title', 'createdAt', 'updatedAt', 'count')
    local version = redis.call('HINCRBY', session, 'version', 1)
    redis.call('XADD', stream, '*', 'kind', kind, 'session', id, 'owner', user, 'version', version,
        'title', facts[1] or '', 'createdAt', facts[2], 'updatedAt', facts[3], 'count', facts[4],
        'number', number, 'document', document)
    redis.call('HINCRBY', session, 'unsettled', 1)
end

-- Messages from before there was an archive are handed over with the first change that finds one.
local function changed(retitled)
    redis.call('HSET', session, 'updatedAt', at)
    if not archived then
        redis.call('EXPIRE', session, ttl)
        return
    end
    local count = tonumber(redis.call('HGET', session, 'count'))
    for number = tonumber(redis.call('HGET', session, 'logged') or 0) + 1, count do
        hand_over('message', number, redis.call('HGET', session, 'm:' .. number))
    end
    redis.call('HSET', session, 'logged', count)
    if retitled then
        hand_over('title', 0, '')
    end
    redis.call('PERSIST', session)
end

local function add(document)
    local number = redis.call('HINCRBY', session, 'count', 1)
    redis.call('HSET', session, 'm:' .. number, document)
    return number
end

local function question()
    local number = redis.call('HGET', session, 'question')
    return redis.call('HGET', session, 'm:' .. number)
end
"""

# ARGV[6] the client's message id, [7] the answer's, [8] the message, [9] a title if there is none, [10] who
# writes the answer, [11] for how many ms. Replies {state, answer id}, or {"busy"}: another answer is being
# written. A question whose answer nobody writes any more gives way to the next one, whose answer is then
# the answer to both.
ASK: Final = (
    _FRAME
    + """
local message, answer, document, title, name, milliseconds = unpack(ARGV, 6, 11)
local known = redis.call('HGET', session, 'q:' .. message)
if known then
    local later = redis.call('HGET', session, 's:' .. known)
    while later do
        known, later = later, redis.call('HGET', session, 's:' .. later)
    end
    if known ~= answering then
        return {'answered', known}
    end
    if alive then
        return {'writing', known}
    end
    hold(name, milliseconds)
    return {'lapsed', known}
end
if alive then
    return {'busy'}
end
if answering then
    redis.call('HSET', session, 's:' .. answering, answer)
end
redis.call('HSETNX', session, 'title', title)
redis.call('HSET', session, 'q:' .. message, answer, 'answering', answer, 'question', add(document))
hold(name, milliseconds)
changed(false)
return {'new', answer}
"""
)

# ARGV[6] the answer's id, [7] the message, [8] its writer. Replies {"kept"} if it is this writer's answer
# that is kept, now or before; {"lost"} if it is another's, or another writer is at it. A question without a
# writer (handed over, or read back from the archive) takes the answer from whoever still has one.
ANSWER: Final = (
    _FRAME
    + """
local answer, document, name = ARGV[6], ARGV[7], ARGV[8]
local kept = redis.call('HGET', session, 'a:' .. answer)
if kept then
    return {kept == name and 'kept' or 'lost'}
end
if answer ~= answering or (writer and writer ~= name) then
    return {'lost'}
end
add(document)
redis.call('HSET', session, 'a:' .. answer, name)
redis.call('HDEL', session, 'answering', 'question', 'writer', 'lease')
changed(false)
return {'kept'}
"""
)

# ARGV[6] who takes over, [7] for how many ms. Replies {"taken", answer id, the question}, or {"none"}.
TAKE_OVER: Final = (
    _FRAME
    + """
if alive or not answering then
    return {'none'}
end
hold(ARGV[6], ARGV[7])
return {'taken', answering, question()}
"""
)

# Replies {"asked", answer id, the question, the writer or "", 1 if it is alive}, or {"none"}.
WHO_ANSWERS: Final = (
    _FRAME
    + """
if not answering then
    return {'none'}
end
return {'asked', answering, question(), writer or '', alive and 1 or 0}
"""
)

# Replies {"open", 1 if the writer is alive, name and value of every field}.
OPEN: Final = (
    _FRAME
    + """
return {'open', alive and 1 or 0, redis.call('HGETALL', session)}
"""
)

# ARGV[6] the title.
RENAME: Final = (
    _FRAME
    + """
redis.call('HSET', session, 'title', ARGV[6])
changed(true)
return {'renamed'}
"""
)

# Replies {"deleted", answer ids …}. Where the archive has, or will have, something of the session, a
# tombstone stays: nobody may read the session back before the archive has deleted it, too.
DELETE: Final = (
    _FRAME
    + """
local reply = {'deleted'}
local fields = redis.call('HGETALL', session)
for index = 1, #fields, 2 do
    if string.sub(fields[index], 1, 2) == 'q:' then
        table.insert(reply, fields[index + 1])
    end
end
if archived and redis.call('HEXISTS', session, 'version') == 1 then
    redis.call('HSET', session, 'updatedAt', at)
    hand_over('deleted', 0, '')
    local left = redis.call('HMGET', session, 'version', 'unsettled', 'stuck')
    redis.call('DEL', session)
    redis.call('HSET', session, 'deleted', 1, 'version', left[1], 'unsettled', left[2], 'stuck', left[3] or 0)
else
    redis.call('DEL', session)
end
return reply
"""
)

# Without the frame: the writer knows no user. KEYS[1] the session; ARGV: answer id, writer, ms.
# Returns 1 if that writer still holds the answer, for so long from now.
RENEW: Final = """
local lease = redis.call('HMGET', KEYS[1], 'answering', 'writer')
if lease[1] ~= ARGV[1] or lease[2] ~= ARGV[2] then
    return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'lease', string.format('%.0f', now + ARGV[3]))
return 1
"""

# KEYS[1] the session; ARGV: answer id, writer. The question stays, free for anybody.
RELEASE: Final = """
local lease = redis.call('HMGET', KEYS[1], 'answering', 'writer')
if lease[1] == ARGV[1] and lease[2] == ARGV[2] then
    redis.call('HDEL', KEYS[1], 'writer', 'lease')
end
"""

# What the archive has gives way to any hash, also to a tombstone. KEYS[1] the session; ARGV: ttl (s), then
# name and value of every field.
RESTORE: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then
    return 0
end
for index = 2, #ARGV, 2 do
    redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1])
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
"""
