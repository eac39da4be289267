"""`python -m cachekit.amadeus.sandbox`: a sandbox of its own process.

When it is ready it prints one line of JSON: `{"url", "client_id", "client_secret", "seed"}`. It stops on
SIGTERM and SIGINT; with --exit-with-parent also when its standard input ends, which it does when the
parent dies, however it dies.
"""

import argparse
import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NoReturn

import msgspec

from cachekit.amadeus.sandbox.latency import Latency
from cachekit.amadeus.sandbox.replay import Replay
from cachekit.amadeus.sandbox.server import SandboxServer
from cachekit.errors import CacheKitError

UNUSABLE: Final = 2
"""Exit code where an option, a recording or the address cannot be used."""

MAX_PORT: Final = 65_535
LONGEST_MS: Final = 60_000


def main(
    arguments: Sequence[str] | None = None, *, program: str = "python -m cachekit.amadeus.sandbox"
) -> None:
    """Serve until told to stop; `program` is how the usage calls it."""
    options = _options(arguments, program)
    try:
        asyncio.run(_serve(options))
    except CacheKitError as error:
        _give_up(str(error))
    except OSError as error:
        _give_up(f"cannot listen on {options.host}:{options.port}: {error.strerror or error}")


def _give_up(sentence: str) -> NoReturn:
    sys.stderr.write(f"{sentence}\n")
    raise SystemExit(UNUSABLE)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= MAX_PORT:
        raise argparse.ArgumentTypeError(f"{port} is no port; allowed is 0 to {MAX_PORT}")
    return port


def _milliseconds(text: str) -> float:
    number = float(text)
    if not 0 <= number <= LONGEST_MS:
        raise argparse.ArgumentTypeError(f"{text}: allowed is 0 to {LONGEST_MS:,} milliseconds")
    return number


def _options(arguments: Sequence[str] | None, program: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=program,
        description="A local server that speaks the wire of Amadeus' flight APIs.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback)")
    parser.add_argument("--port", type=_port, default=0, help="port; 0 picks a free one (default: 0)")
    parser.add_argument("--seed", type=int, default=1, help="which world of prices (default: 1)")
    parser.add_argument(
        "--latency-ms",
        type=_milliseconds,
        default=400.0,
        help="median delay of an answer; 0 is none (default: 400)",
    )
    parser.add_argument(
        "--replay", metavar="DIR", help="directory of recordings; they go before what is made up"
    )
    parser.add_argument(
        "--replay-only", action="store_true", help="refuse what is not recorded; only with --replay"
    )
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="stop when standard input ends; the parent holds it"
    )
    options = parser.parse_args(arguments)
    if options.replay_only and options.replay is None:
        parser.error("--replay-only needs --replay")
    return options


async def _serve(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Not on Windows, where asyncio.run turns Ctrl-C into a cancellation.
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    if options.exit_with_parent:
        threading.Thread(target=_wait_for_end_of_input, args=(loop, stop), daemon=True).start()
    async with SandboxServer(
        seed=options.seed,
        host=options.host,
        port=options.port,
        latency=Latency(median_ms=options.latency_ms),
        replay=Replay(options.replay) if options.replay is not None else None,
        replay_only=options.replay_only,
    ) as server:
        # The world stays: no collection need look through it, and stop every answer meanwhile.
        gc.collect()
        gc.freeze()
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
