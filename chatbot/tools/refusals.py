"""Why a request to the flight service failed, in a sentence for a person or a model; the log has the rest."""

import logging
from dataclasses import dataclass
from typing import Final, NoReturn

from cachekit.amadeus.errors import (
    AmadeusAuthError,
    AmadeusForbiddenError,
    AmadeusNotFoundError,
    AmadeusQuotaError,
    AmadeusRateLimitError,
    AmadeusRequestError,
    InvalidParams,
)
from cachekit.errors import CacheKitError
from chatbot.errors import ToolError
from chatbot.tools.cleaning import PARAMETER, name

__all__ = ["DATES", "PLACES", "PRICING", "SEARCH", "UNREADABLE_REPLY", "Request", "explain"]

logger = logging.getLogger(__name__)

UNREADABLE_REPLY: Final = "The flight service gave an answer that cannot be read; try again in a moment."
"""Said, with the code `unavailable`, of a reply that has an answer's shape and nothing that can be used."""

_MOST_REASON: Final = 120
_MOST_LOGGED: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked of the service, as its failures are worded.

    `refused` and `advice` frame what the service said against the request; `code` is the error's word
    then. `no_data` is said where the service knows nothing of what was asked.
    """

    refused: str = "The flight service refused the search"
    advice: str = "Change it and try again."
    code: str = "invalid_input"
    no_data: str = "The flight service has no data for this route; try another city or date."


SEARCH: Final = Request()
PLACES: Final = Request(no_data="The flight service knows no such place; try another spelling.")
DATES: Final = Request(
    no_data="The flight service knows no cheapest dates for this trip; try search_flights on single days.",
)
PRICING: Final = Request(
    refused="This offer is not sold any more as it was found",
    advice="Call search_flights again with refresh: true, and price an offer of the new result.",
    code="not_sold",
    no_data="The flight service does not know this offer any more; call search_flights with refresh: true.",
)

_SENTENCES: Final[tuple[tuple[type[CacheKitError], str, str], ...]] = (
    (
        AmadeusQuotaError,
        "quota",
        "This month's quota of requests to the flight service is spent; only stored answers remain.",
    ),
    (
        AmadeusRateLimitError,
        "rate_limited",
        "The flight service is asked too often right now; try again in a moment.",
    ),
    (AmadeusAuthError, "not_configured", "The flight service does not accept this server's credentials."),
    (
        AmadeusForbiddenError,
        "not_configured",
        "The flight service does not allow this server to ask for this.",
    ),
    (CacheKitError, "unavailable", "The flight service is not available right now; try again in a moment."),
)


def explain(error: CacheKitError, request: Request = SEARCH) -> NoReturn:
    """Raise the ToolError that says what a person or a model can do about it."""
    if isinstance(error, InvalidParams):
        raise ToolError(f"Invalid search: {error}.", code="invalid_input") from error
    if isinstance(error, AmadeusNotFoundError):
        raise ToolError(request.no_data, code="no_data") from error
    if isinstance(error, AmadeusRequestError):
        raise ToolError(_refusal(error, request), code=request.code) from error
    # As a repr, since it may quote the service: one line, with nothing that acts on a terminal.
    logger.warning("a flight request failed: %s: %.*r", type(error).__name__, _MOST_LOGGED, str(error))
    code, sentence = next((code, sentence) for kind, code, sentence in _SENTENCES if isinstance(error, kind))
    raise ToolError(sentence, code=code) from error


def _refusal(error: AmadeusRequestError, request: Request) -> str:
    """With what the service said is wrong: its own words, so they are cleaned and short."""
    said = name(error.detail, most=_MOST_REASON) or name(error.title, most=_MOST_REASON)
    reason = said.rstrip(".").lower() if said else "no reason was given"
    parameter = PARAMETER.maybe((error.source or {}).get("parameter"))
    where = f" ({parameter})" if parameter else ""
    return f"{request.refused}{where}: {reason}. {request.advice}"
