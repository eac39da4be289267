"""Run the benchmarks and print the table of targets: `python -m benchmarks [--quick] [--only NAME …]`."""

import argparse
import asyncio
import sys
import time
import traceback

from benchmarks import hits, invalidation, keys, large, misses, near, report, sandbox, sockets, stampede

BENCHMARKS = {
    "keys": keys.run,
    "hits": hits.run,
    "near": near.run,
    "large": large.run,
    "misses": misses.run,
    "stampede": stampede.run,
    "invalidation": invalidation.run,
    "sandbox": sandbox.run,
    "sockets": sockets.run,
}


async def main() -> int:
    """Run those asked for; 1 if one could not run. A target that is missed is for the reader to judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, 100,000 keys for 1,000,000")
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=list(BENCHMARKS), metavar="NAME")
    options = parser.parse_args()
    targets: list[report.Target] = []
    for name in options.only:
        began = time.monotonic()
        try:
            targets += await BENCHMARKS[name](quick=options.quick)
        except Exception as error:
            # One that cannot run must not hide what the others have found.
            traceback.print_exc()
            targets.append(report.unavailable(name, error))
        print(f"  ({name}: {time.monotonic() - began:.0f} s)", flush=True)
    report.show(targets)
    return int(any(target.met is None for target in targets))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
