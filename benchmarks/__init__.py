"""What this cache is measured by: ratios to named peers, which run beside it on the same server.

    make bench
    python -m benchmarks --quick          a bit more than a minute
    python -m benchmarks --only hits near

Absolute times shift by a factor of two from hour to hour on shared machines; ratios of interleaved rounds
hold. Reading order: measure, report (how); values, servers, bare, peers (what with); keys, hits, near,
large, misses, stampede, invalidation (what), each with a `run` that prints its table and returns its
targets.
"""
