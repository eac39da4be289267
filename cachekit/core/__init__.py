"""The cache itself.

Reading order:

`clock` and `keys` (how params become a key), `policy`, `codec` (the wire form of a value), `entry`,
`events` and `stats`, `singleflight` (one load per key), `scripts`, `embedded` and `connection` (from a URL
to a client), `store` (the one gateway to Redis), `sweep`, `context` (what a factory may say), `fill` (how a
miss becomes a value), `cache` (the public verbs) and `assembly` (wires and closes it all).
"""
