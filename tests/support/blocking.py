"""A sandbox for callers who block, and many of them at once."""

import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from cachekit.amadeus.sandbox.faults import Fault
from cachekit.amadeus.sandbox.server import SandboxServer
from cachekit.amadeus.sdk.portal import Portal


class Sandbox:
    """A running sandbox, used from outside its loop."""

    def __init__(self, portal: Portal[SandboxServer]) -> None:
        self._portal = portal

    def do(self, what: Callable[[SandboxServer], Any]) -> Any:
        """`what` of the server, in its loop."""

        async def doing(server: SandboxServer) -> Any:
            return what(server)

        return self._portal.run(doing)

    @property
    def counts(self) -> dict[str, int]:
        """Requests so far, by endpoint."""
        counts: dict[str, int] = self.do(lambda server: server.stats)
        return counts

    def fail(self, fault: Fault, count: int = 1) -> None:
        """Let the next `count` requests to the fault's endpoint suffer it."""
        self.do(lambda server: server.state.fail_next(fault, count))

    @property
    def options(self) -> dict[str, Any]:
        """What an `amadeus.Client` of this sandbox is made with."""
        return self.do(
            lambda server: {
                "client_id": server.client_id,
                "client_secret": server.client_secret,
                **address(server.url),
            }
        )


def address(url: str) -> dict[str, Any]:
    """Host and port as the SDK takes them."""
    parts = urlsplit(url)
    return {"host": parts.hostname, "port": parts.port, "ssl": False}


def in_threads(work: list[Callable[[], Any]]) -> list[Any]:
    """What each piece of work gave in a thread of its own; errors are results. They begin together."""
    barrier, results = threading.Barrier(len(work)), [None] * len(work)

    def run(number: int) -> None:
        barrier.wait()
        try:
            results[number] = work[number]()
        except Exception as error:  # noqa: BLE001 - it is what is asserted
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
