"""Names of offers that hold beyond one reply, so that an offer can be asked for again by a short text.

In a reply offers are numbered "1" to "n", and another reply numbers them anew. The id made here is the
digest of the search it was found by, and a fingerprint of what it says: its flights, fares and price. If
the stored answer has changed since, an id finds the same offer or none, never another one.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

__all__ = ["find", "fingerprint", "join", "split"]

_PRINT_BYTES: Final = 12
"""96 bits: enough that no two of the offers of a search share one."""

_ID: Final = re.compile(r"[A-Za-z0-9_-]{27}[A-Za-z0-9_-]{16}")
_DIGEST_LETTERS: Final = 27

_VARYING: Final = frozenset({"id", "numberOfBookableSeats"})
"""An offer's number in its reply, and how many seats are left: neither makes it another offer."""

_encode: Final = msgspec.json.Encoder(order="sorted").encode


def fingerprint(identity: str, offer: Mapping[str, Any]) -> str:
    """Sixteen letters that tell this offer of the source `identity` from any other.

    The source is part of it, so that an id of one contract finds nothing in the answers of another.
    """
    content = {name: value for name, value in offer.items() if name not in _VARYING}
    content["itineraries"] = [
        {**itinerary, "segments": _without("id", itinerary["segments"])} for itinerary in offer["itineraries"]
    ]
    if isinstance(pricings := offer.get("travelerPricings"), list):
        content["travelerPricings"] = [
            {**each, "fareDetailsBySegment": _without("segmentId", each.get("fareDetailsBySegment"))}
            if isinstance(each, Mapping)
            else each
            for each in pricings
        ]
    return _letters(hashlib.sha256(_encode([identity, content])).digest()[:_PRINT_BYTES])


def join(digest: str, print_: str) -> str:
    """The id of an offer found by the search with this key digest (hex)."""
    return _letters(bytes.fromhex(digest)) + print_


def split(offer_id: str) -> tuple[str, str] | None:
    """The search's key digest (hex) and the offer's fingerprint; None for what is no id."""
    if not _ID.fullmatch(offer_id):
        return None
    letters, print_ = offer_id[:_DIGEST_LETTERS], offer_id[_DIGEST_LETTERS:]
    raw = base64.urlsafe_b64decode(f"{letters}=")
    return raw.hex(), print_


def find(identity: str, print_: str, document: Any) -> dict[str, Any] | None:
    """The offer of a reply document with this fingerprint; None if there is none, or no such document."""
    try:
        offers = document["data"]
        return next((offer for offer in offers if fingerprint(identity, offer) == print_), None)
    except (LookupError, TypeError, AttributeError):
        return None


def _without(name: str, parts: object) -> object:
    """Each object of a list without the member `name`; anything else as it is."""
    if not isinstance(parts, list):
        return parts
    return [
        {key: value for key, value in part.items() if key != name} if isinstance(part, Mapping) else part
        for part in parts
    ]


def _letters(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
