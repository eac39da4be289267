"""`python -m chatbot`: a gateway from the environment; `python -m chatbot demo`: one that needs nothing."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, suppress

from cachekit.errors import CacheKitError

try:
    from chatbot.app import serve
    from chatbot.demo import Demo, demo
    from chatbot.errors import SettingsError
    from chatbot.settings import MAX_PORT, settings_from_environment
except ModuleNotFoundError as error:
    sys.exit(f"the gateway needs the package cachekit-toolkit[chatbot,sandbox] ({error.name} is missing)")


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m chatbot", description=__doc__)
    parser.add_argument("mode", nargs="?", choices=["serve", "demo"], default="serve")
    parser.add_argument("--port", type=_port, default=8080, help="of the demo's gateway (default: 8080)")
    parser.add_argument(
        "--latency-ms", type=float, default=400.0, help="of the demo's flight API, median (default: 400)"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # A line for every request to the flight API is more than an operator wants.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        if options.mode == "demo":
            asyncio.run(_demo(options.port, options.latency_ms))
        else:
            asyncio.run(_until_stopped(serve(settings_from_environment(os.environ))))
    except KeyboardInterrupt:
        # Ctrl-C before the signal handlers were in place.
        raise SystemExit(130) from None
    except (SettingsError, CacheKitError) as error:
        raise SystemExit(f"cannot start: {error}") from error
    except OSError as error:
        raise SystemExit(f"cannot start: {error.strerror or error}") from error


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"a port number from 0 to {MAX_PORT} is allowed")
    return int(text)


async def _demo(port: int, latency_ms: float) -> None:
    async with demo(port=port, latency_ms=latency_ms) as running:
        sys.stdout.write(_banner(running))
        sys.stdout.flush()
        await _stopped()
    sys.stdout.write("Stopped; nothing is left running.\n")


async def _until_stopped(gateway: AbstractAsyncContextManager[str]) -> None:
    async with gateway as url:
        logging.getLogger("chatbot").info("listening on %s", url)
        await _stopped()


async def _stopped() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not on Windows, where asyncio.run turns Ctrl-C into a cancellation.
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    await stop.wait()


def _banner(running: Demo) -> str:
    return f"""
  Flight desk    {running.url}/?demo=ana      (signed in as the demo user "ana")
  Other users    {running.url}                 any name; `curl -d '{{"user":"bob"}}' {running.url}/demo/login`
  Model          the offline demo: rules, not Claude
  Flights        the Amadeus sandbox on {running.sandbox_url}: made-up offers
  Redis          {running.redis}

  Ask: flights from São Paulo to Lisbon on 12 December. Ask again and see the cache.
  Ctrl-C stops everything.

"""


if __name__ == "__main__":
    main()
