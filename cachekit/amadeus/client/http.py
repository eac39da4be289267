"""The HTTP client that an AmadeusClient makes for itself."""

from collections.abc import Iterable
from pathlib import Path

import httpx

from cachekit.amadeus.client.faults import SHORTEST_SECRET
from cachekit.amadeus.recording import RecordingTransport

__all__ = ["make_http"]


def make_http(record: Path | str | None, *, base_url: str, secrets: Iterable[str]) -> httpx.AsyncClient:
    """A client that offers HTTP/2 to hosts that speak TLS.

    It honours the proxy environment, except for loopback addresses, where no proxy can reach. With
    `record` it writes the exchanges with `base_url` into that directory, without `secrets`, and goes to
    hosts directly. Words of less than four characters are no secrets.

    Raises:
        ConfigurationError: the directory cannot be written to.
    """
    if record is None:
        direct = {f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")}
        return httpx.AsyncClient(http2=True, mounts=direct)
    words = [secret for secret in secrets if len(secret.strip()) >= SHORTEST_SECRET and secret.isprintable()]
    inner = httpx.AsyncHTTPTransport(http2=True)
    return httpx.AsyncClient(transport=RecordingTransport(record, inner, words=words, base_url=base_url))
