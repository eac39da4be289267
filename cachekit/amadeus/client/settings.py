"""What a deployment says of its Amadeus contract, read from the environment once."""

import difflib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self, TypeVar

import msgspec

from cachekit.amadeus.client.allowance import RequestLimits
from cachekit.amadeus.identity import check_url
from cachekit.errors import ConfigurationError

__all__ = ["AmadeusSettings"]

T = TypeVar("T")

NEEDED: Final = ("AMADEUS_BASE_URL", "AMADEUS_CLIENT_ID", "AMADEUS_CLIENT_SECRET")

KNOWN: Final = (
    *NEEDED,
    "AMADEUS_TOKEN_URL",
    "AMADEUS_TOKEN_FIELDS",
    "AMADEUS_HEADERS",
    "AMADEUS_PER_SECOND",
    "AMADEUS_LEAST_INTERVAL_MS",
    "AMADEUS_PER_MONTH",
    "AMADEUS_CACHE",
    "AMADEUS_MAX_TTL",
    "AMADEUS_RECORD",
)
"""All variables that are read. Others of that prefix are the official SDK's, or somebody's own."""

_SWITCH: Final = {"on": True, "off": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class AmadeusSettings:
    """A contract's host, credentials and bounds. Credentials, fields and headers are in no repr.

    Args:
        base_url, client_id, client_secret, token_url, token_fields, headers: see `AmadeusClient`.
        limits: how fast requests may come, and how many a month.
        cache: False where the contract forbids to keep replies; the token and the counts are still shared.
        max_ttl: seconds beyond which no reply may be served, fresh or stale; None: the policy decides.
        record: a directory into which each exchange is written, without its secrets; None: none is.
    """

    base_url: str
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    token_url: str | None = None
    token_fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    limits: RequestLimits = field(default_factory=RequestLimits)
    cache: bool = True
    max_ttl: float | None = None
    record: Path | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The settings in `environ`, by default the process's. An empty variable counts as absent.

        White space around a value is no part of it: a secret that was read from a file ends with a line
        break.

        Needed: AMADEUS_BASE_URL, AMADEUS_CLIENT_ID, AMADEUS_CLIENT_SECRET. Optional: AMADEUS_TOKEN_URL;
        AMADEUS_TOKEN_FIELDS and AMADEUS_HEADERS, JSON objects of texts; AMADEUS_PER_SECOND;
        AMADEUS_LEAST_INTERVAL_MS, in milliseconds; AMADEUS_PER_MONTH; AMADEUS_CACHE, `on` or `off`;
        AMADEUS_MAX_TTL, in seconds; AMADEUS_RECORD, a directory.

        Raises:
            ConfigurationError: variables are missing, and all of them are named; or one cannot be read: it
                is named, and its value is not shown; or the name of one is nearly that of ours.
        """
        texts_of = (os.environ if environ is None else environ).items()
        given = {name: text.strip() for name, text in texts_of if text.strip()}
        _refuse_misspelt(given)
        missing = [name for name in NEEDED if name not in given]
        if missing:
            raise ConfigurationError(f"the environment lacks {', '.join(missing)}")

        def read(name: str, convert: Callable[[str], T], default: T, allowed: str) -> T:
            if name not in given:
                return default
            try:
                return convert(given[name])
            except (ValueError, LookupError, msgspec.MsgspecError):
                raise ConfigurationError(f"{name}: allowed is {allowed}") from None

        texts = 'a JSON object of texts, such as {"name": "value"}'
        return cls(
            base_url=check_url("AMADEUS_BASE_URL", given["AMADEUS_BASE_URL"]),
            client_id=given["AMADEUS_CLIENT_ID"],
            client_secret=given["AMADEUS_CLIENT_SECRET"],
            token_url=check_url("AMADEUS_TOKEN_URL", given["AMADEUS_TOKEN_URL"])
            if "AMADEUS_TOKEN_URL" in given
            else None,
            token_fields=read("AMADEUS_TOKEN_FIELDS", _texts, {}, texts),
            headers=read("AMADEUS_HEADERS", _texts, {}, texts),
            limits=RequestLimits(
                per_second=read("AMADEUS_PER_SECOND", _per_second, None, "a number from 0.00334 to 10,000"),
                least_interval=read(
                    "AMADEUS_LEAST_INTERVAL_MS", _least_interval, None, "0.1 to 300,000 milliseconds"
                ),
                per_month=read("AMADEUS_PER_MONTH", _per_month, None, "a whole number, 1 or more"),
            ),
            cache=read("AMADEUS_CACHE", lambda text: _SWITCH[text.lower()], True, "on or off"),
            max_ttl=read("AMADEUS_MAX_TTL", _positive, None, "a positive number of seconds"),
            record=read("AMADEUS_RECORD", Path, None, "a directory"),
        )


def _refuse_misspelt(given: Iterable[str]) -> None:
    """A bound that is misspelt would hold nobody back."""
    for name in given:
        if name.startswith("AMADEUS_") and name not in KNOWN:
            for meant in difflib.get_close_matches(name, KNOWN, n=1, cutoff=0.85):
                raise ConfigurationError(f"{name} is no variable of ours; did you mean {meant}?")


# Each bound checks itself; its error would name the option, and `read` names the variable.


def _per_second(text: str) -> float | None:
    return RequestLimits(per_second=float(text)).per_second


def _least_interval(text: str) -> float | None:
    return RequestLimits(least_interval=float(text) / 1000).least_interval


def _per_month(text: str) -> int | None:
    return RequestLimits(per_month=int(text)).per_month


def _positive(text: str) -> float | None:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError(text)
    return number


def _texts(text: str) -> Mapping[str, str]:
    return msgspec.json.decode(text, type=dict[str, str])
