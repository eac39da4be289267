"""A private Redis server on a TCP port of the loopback: not every peer knows Unix sockets."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from cachekit.core.embedded import EmbeddedServer


@contextmanager
def private_server() -> Iterator[int]:
    """Run a server and give its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with EmbeddedServer(port=port):
        yield port
