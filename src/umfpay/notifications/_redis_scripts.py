"""
What is done in Redis in one step: Lua, run by the server.
"""

from __future__ import annotations

from typing import Final


# The event, and its place among the ready ones and in the queue of its object. The
# server counts: the clocks of several machines differ.
ADD: Final = """
local event, ready, all, queue, positions, arrivals = unpack(KEYS)
local key, received = ARGV[1], ARGV[2]
if redis.call('EXISTS', event) == 1 then return 0 end
local position = redis.call('INCR', positions)
redis.call('HSET', event, 'received', received, 'position', position,
    'kind', ARGV[3], 'object_id', ARGV[4], 'number', ARGV[5], 'state', ARGV[6],
    'body', ARGV[7], 'signature', ARGV[8], 'status', 'ready', 'attempts', '0')
redis.call('ZADD', ready, 0, key)
redis.call('ZADD', queue, position, key)
redis.call('ZADD', all, received, key)
redis.call('PUBLISH', arrivals, 'ready')
return 1
"""

# What waits for the number gets its old place in the queue of its object again.
EXPECT: Final = """
local expected, waiting, ready, arrivals = unpack(KEYS)
redis.call('HSET', expected, 'total', ARGV[1], 'currency', ARGV[2])
for _, key in ipairs(redis.call('SMEMBERS', waiting)) do
    local event = ARGV[3] .. key
    local known = redis.call('HMGET', event, 'object_id', 'position')
    redis.call('HSET', event, 'status', 'ready')
    redis.call('ZADD', ready, 0, key)
    redis.call('ZADD', ARGV[4] .. known[1], known[2], key)
end
redis.call('DEL', waiting)
redis.call('PUBLISH', arrivals, 'ready')
"""

# By its holder only.
RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""
