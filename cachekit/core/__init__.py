"""The cache itself, in the order to read it.

What a value is: `clock`; `keys` and `arguments` (from params, or from the arguments of a call, to a key);
`policy`; `values`, `keyring` and `codec` (the wire form, exact and perhaps encrypted); `entry`; `context`
(what a factory may say); `events`, `stats` and `tally`.

One load in one process: `singleflight`, and `batch` for many keys at once.

The connection: `scripts` (every Lua script); `embedded` (a private server); `refusal` (what Redis says
when it says no); `wire` (one socket), `handover` (redis-py's handshake, our protocol), `connection` (from
a URL), `budget`, `breaker`, `recovery`, `tracking` and `link` (one multiplexed connection that comes
back); `slots`, `dedicated`, `topology`, `pool`, `survey` and `cluster` (which connection a command
takes); `store`, the one gateway for all that follows.

What is valid: `rules` (the argument that no stale value is served), `log_record` and
`invalidation` (the log), `near` (the
values in memory), `watcher` (what Redis pushes), `judge` and `lookup`.

How a miss becomes a value: `lease` (one loader across processes), `records`, `failures` (of late),
`landing` (what becomes of a load that has ended), `load` and `fill`.

The verbs: `sweep`, `write`, `decorators`, `runtime` (what belongs to one event loop), `namespace`, `cache`
and `assembly`, which wires it all.
"""
