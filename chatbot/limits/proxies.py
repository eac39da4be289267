"""Which address a request came from, where proxies of ours may stand in between."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from aiohttp import web

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MOST_HOPS: Final = 32
"""Entries of X-Forwarded-For that are looked at, from our end."""

_LOOPBACK: Final = ip_address("127.0.0.1")


def client_address(request: web.Request, trusted: Sequence[Network]) -> str:
    """The address a request came from, as far as it can be known.

    X-Forwarded-For is believed only as far as those who wrote it are: each entry was written by the one
    after it, the last by our peer. So, from the end, the first that is no trusted proxy of ours is the
    client; everything before it is the client's own word. An entry that is no address ends the walk at the
    proxy that wrote it. Entries may carry a port. A peer on a Unix socket counts as 127.0.0.1.
    """
    address = read_address(request.remote or "") or _LOOPBACK
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
    for entry in reversed(forwarded[-MOST_HOPS:]):
        if not any(address in network for network in trusted):
            break
        before = read_address(entry)
        if before is None:
            break
        address = before
    return str(address)


def read_address(text: str) -> Address | None:
    """The address, without port, brackets, zone, or the IPv6 form of an IPv4 one; None if it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
