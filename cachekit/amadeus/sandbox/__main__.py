"""`python -m cachekit.amadeus.sandbox`: a sandbox of its own process.

When it is ready it prints one line of JSON: `{"url", "client_id", "client_secret", "seed"}`. It stops on
SIGTERM and SIGINT; with --exit-with-parent also when its standard input ends, which it does when the
parent dies, however it dies.
"""

import argparse
import asyncio
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from cachekit.amadeus.sandbox.server import SandboxServer
from cachekit.amadeus.sandbox.state import Latency


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to stop."""
    options = _options(arguments)
    try:
        asyncio.run(_serve(options))
    except OSError as error:
        raise SystemExit(f"cannot listen on {options.host}:{options.port}: {error.strerror}") from error


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m cachekit.amadeus.sandbox",
        description="A local server that speaks the wire of Amadeus Flight Offers Search.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback)")
    parser.add_argument("--port", type=int, default=0, help="port; 0 picks a free one (default: 0)")
    parser.add_argument("--seed", type=int, default=1, help="which world of prices (default: 1)")
    parser.add_argument(
        "--latency-ms", type=float, default=400.0, help="median delay of an answer; 0 is none (default: 400)"
    )
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="stop when standard input ends; the parent holds it"
    )
    return parser.parse_args(arguments)


async def _serve(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Not on Windows, where asyncio.run turns Ctrl-C into a cancellation.
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    if options.exit_with_parent:
        threading.Thread(target=_wait_for_end_of_input, args=(loop, stop), daemon=True).start()
    latency = Latency(median_ms=options.latency_ms)
    async with SandboxServer(
        seed=options.seed, host=options.host, port=options.port, latency=latency
    ) as server:
        ready = {
            "url": server.url,
            "client_id": server.client_id,
            "client_secret": server.client_secret,
            "seed": options.seed,
        }
        sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
        sys.stdout.flush()
        await stop.wait()


def _wait_for_end_of_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    # Read the descriptor itself: a thread that holds sys.stdin's lock would abort the interpreter's exit.
    while os.read(0, 4096):
        pass
    # The loop may have ended meanwhile, on a signal.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(stop.set)


if __name__ == "__main__":
    main()
