"""The gateway's command.

`python -m chatbot` runs a gateway as the environment says, `python -m chatbot demo` one that needs nothing,
`python -m chatbot archive` only what takes sessions from Redis to the archive, and `python -m chatbot schema`
prints the protocol as JSON Schema.
"""

import argparse
import asyncio
import gc
import json
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final

from cachekit.errors import CacheKitError

try:
    from chatbot.app import archiving, new_instance_id, serve
    from chatbot.demo import Demo, demo
    from chatbot.errors import ChatbotError
    from chatbot.logs import set_up_logging
    from chatbot.schema import protocol_schema
    from chatbot.settings import (
        MAX_PORT,
        ArchiverSettings,
        Settings,
        archiver_settings_from_environment,
        settings_from_environment,
    )
except ModuleNotFoundError as error:
    sys.exit(f"the gateway needs the package cachekit-toolkit[chatbot,sandbox] ({error.name} is missing)")

GC_THRESHOLDS: Final = (50_000, 20, 100)

logger = logging.getLogger("chatbot")


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m chatbot", description=__doc__)
    modes = ["serve", "demo", "archive", "schema"]
    parser.add_argument("mode", nargs="?", choices=modes, default="serve", help="(default: serve)")
    parser.add_argument("--port", type=_port, default=8080, help="of the demo's gateway (default: 8080)")
    parser.add_argument(
        "--latency-ms", type=float, default=400.0, help="of the demo's flight API, median (default: 400)"
    )
    options = parser.parse_args(arguments)
    if options.mode == "schema":
        sys.stdout.write(json.dumps(protocol_schema(), indent=2, sort_keys=True) + "\n")
        return
    try:
        if options.mode == "demo":
            set_up_logging("text")
            _run(_demo(options.port, options.latency_ms))
        else:
            _from_environment(options.mode)
    except KeyboardInterrupt:
        # Ctrl-C before the signal handlers were in place.
        raise SystemExit(130) from None
    except (ChatbotError, CacheKitError) as error:
        raise SystemExit(f"cannot start: {error}") from error
    except OSError as error:
        raise SystemExit(f"cannot start: {error.strerror or error}") from error


def _from_environment(mode: str) -> None:
    instance = new_instance_id()
    if mode == "archive":
        archiver = archiver_settings_from_environment(os.environ)
        set_up_logging(archiver.log, instance=instance)
        _run(_archive(archiver))
    else:
        settings = settings_from_environment(os.environ)
        set_up_logging(settings.log, instance=instance)
        _run(_serve(settings, instance))


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"a port number from 0 to {MAX_PORT} is allowed")
    return int(text)


def _run(main: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop where there is one: it takes a third off what a handshake costs."""
    try:
        from uvloop import new_event_loop  # noqa: PLC0415 - not on Windows
    except ModuleNotFoundError:
        asyncio.run(main)
        return
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main)


def _settle() -> None:
    """Let the collector look at what comes and goes, not at what was there from the start.

    A gateway holds tens of thousands of long-lived objects, and a full collection over them shows in the
    slowest answers.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def _demo(port: int, latency_ms: float) -> None:
    async with demo(port=port, latency_ms=latency_ms) as running:
        _settle()
        sys.stdout.write(_banner(running))
        sys.stdout.flush()
        await _stopped()
    sys.stdout.write("Stopped; nothing is left running.\n")


async def _serve(settings: Settings, instance: str) -> None:
    async with serve(settings, instance=instance) as url:
        _settle()
        logger.info("listening on %s", url)
        await _stopped()
        logger.info("draining")


async def _archive(settings: ArchiverSettings) -> None:
    async with archiving(settings):
        logger.info("archiving")
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
