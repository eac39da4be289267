"""Every Lua script, with its invariant above it.

All of them take exactly one key, so each runs in that key's own cluster slot, and none re-encodes JSON:
Redis' cjson turns `[]` into `{}` and reorders names.
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
