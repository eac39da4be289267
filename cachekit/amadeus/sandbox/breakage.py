"""Making the faults: answers that no healthy service gives."""

import asyncio
import gzip
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from aiohttp import web

from cachekit.amadeus.sandbox.faults import Fault
from cachekit.amadeus.sandbox.issues import Issue, Refusal
from cachekit.amadeus.sandbox.replies import DATA_TYPE, data_reply, refusal_reply

__all__ = ["instead", "spoiled", "stands_instead"]

PAGE: Final = (
    b"<!DOCTYPE html>\n<html><head><title>Bad Gateway</title></head><body>Bad Gateway</body></html>\n"
)
MEGABYTE: Final = 1_000_000


def stands_instead(fault: Fault) -> bool:
    """Whether it comes instead of an answer, which then is not worked out; else it spoils the true one."""
    return fault.kind == "disconnect" or fault.kind in _INSTEAD


def instead(fault: Fault, request: web.Request) -> web.Response:
    """What comes instead of an answer, of a fault that stands instead."""
    if fault.kind == "disconnect":
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
    return _INSTEAD[fault.kind](Refusal([Issue(fault.code, "injected by the sandbox")]))


async def spoiled(fault: Fault, request: web.Request, reply: web.Response) -> web.StreamResponse:
    """The true answer, spoiled as the fault says; one that is no success stays as it is."""
    body = reply.body
    if reply.status != web.HTTPOk.status_code or not isinstance(body, bytes):
        return reply
    if fault.kind in {"cut", "slow"}:
        return await _in_two_halves(fault, request, reply, body)
    if fault.kind in _FALSIFIED:
        document = _FALSIFIED[fault.kind](msgspec.json.decode(body))
        return _like(reply, msgspec.json.encode(document))
    return await asyncio.to_thread(_malformed, fault, reply, body)


def _malformed(fault: Fault, reply: web.Response, body: bytes) -> web.Response:
    match fault.kind:
        case "truncated":
            return _like(reply, body[: len(body) // 2])
        case "huge":
            return _like(reply, _padded(body, fault.megabytes))
        case "bomb":
            packed = gzip.compress(_padded(body, fault.megabytes))
            return _like(reply, packed, {"Content-Encoding": "gzip"})
        case _:
            return _like(reply, body, {"Content-Type": f"{reply.content_type}; charset=utf-8"})


async def _in_two_halves(
    fault: Fault, request: web.Request, reply: web.Response, body: bytes
) -> web.StreamResponse:
    stream = web.StreamResponse()
    stream.content_type = reply.content_type
    # Promised in advance: a connection cut before that many bytes is an error and not the end.
    stream.content_length = len(body)
    await stream.prepare(request)
    await stream.write(body[: len(body) // 2])
    if fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
        # The caller may have lost patience; that is what such a fault is for.
        with suppress(ConnectionResetError):
            await stream.write(body[len(body) // 2 :])
    elif request.transport is not None:
        # Closed and not aborted, so that the first half arrives.
        request.transport.close()
    return stream


def _like(reply: web.Response, body: bytes, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=body, headers={"Content-Type": reply.content_type} | (headers or {}))


def _padded(body: bytes, megabytes: int) -> bytes:
    """The same document with blanks before its last brace: still JSON, and as large as wanted."""
    return body[:-1] + b" " * max(0, megabytes * MEGABYTE - len(body)) + body[-1:]


def _flown_backwards(document: dict[str, Any]) -> dict[str, Any]:
    for itinerary in _itineraries(document):
        itinerary["segments"].reverse()
        for segment in itinerary["segments"]:
            ends = segment["departure"], segment["arrival"]
            ends[0]["iataCode"], ends[1]["iataCode"] = ends[1]["iataCode"], ends[0]["iataCode"]
    return document


def _a_day_later(document: dict[str, Any]) -> dict[str, Any]:
    for itinerary in _itineraries(document):
        for segment in itinerary["segments"]:
            for end in (segment["departure"], segment["arrival"]):
                end["at"] = (datetime.fromisoformat(end["at"]) + timedelta(days=1)).isoformat()
    return document


def _itineraries(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Of the offers of a search, or of those priced."""
    data = document.get("data", [])
    offers = data.get("flightOffers", []) if isinstance(data, dict) else data
    return [itinerary for offer in offers for itinerary in offer.get("itineraries", [])]


def _of_wrong_types(document: dict[str, Any]) -> dict[str, Any]:
    """A list where an object belongs, and the other way round; for want of `data`, lists everywhere."""
    if "data" not in document:
        return {name: [value] for name, value in document.items()}
    data = document["data"]
    return document | {"data": [data] if isinstance(data, dict) else {"items": data}}


def _of_wrong_items(document: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(document.get("data"), list):
        return {"data": "unexpected"}
    return document | {"data": ["unexpected"] * len(document["data"])}


_FALSIFIED: Final[dict[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "wrong-route": _flown_backwards,
    "wrong-date": _a_day_later,
    "wrong-types": _of_wrong_types,
    "wrong-items": _of_wrong_items,
}

_INSTEAD: Final[dict[str, Callable[[Refusal], web.Response]]] = {
    "error": refusal_reply,
    "errors-in-200": lambda refusal: data_reply(refusal.document()),
    "html": lambda _: web.Response(body=PAGE, content_type="text/html"),
    "bad-gateway": lambda _: web.Response(body=PAGE, status=502, content_type="text/html"),
    "redirect": lambda _: web.Response(status=302, headers={"Location": "/login"}),
    "empty": lambda _: web.Response(content_type=DATA_TYPE),
}
