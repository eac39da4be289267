"""Why a flight search failed, in a sentence for a person or a model; the rest stays in the log."""

import logging
from typing import Final, NoReturn

from cachekit.amadeus.errors import (
    AmadeusAuthError,
    AmadeusForbiddenError,
    AmadeusNotFoundError,
    AmadeusQuotaError,
    AmadeusRateLimitError,
    AmadeusRequestError,
    InvalidFlightSearch,
)
from cachekit.errors import CacheKitError
from chatbot.errors import ToolError

logger = logging.getLogger(__name__)

_SENTENCES: Final[tuple[tuple[type[CacheKitError], str, str], ...]] = (
    (
        AmadeusQuotaError,
        "quota",
        "This month's quota of flight searches is spent; only stored answers remain.",
    ),
    (
        AmadeusRateLimitError,
        "rate_limited",
        "The flight service is asked too often right now; try again in a moment.",
    ),
    (AmadeusAuthError, "not_configured", "The flight service does not accept this server's credentials."),
    (AmadeusForbiddenError, "not_configured", "The flight service does not allow this server to search."),
    (
        AmadeusNotFoundError,
        "no_data",
        "The flight service has no data for this route; try another city or date.",
    ),
    (CacheKitError, "unavailable", "The flight search is not available right now; try again in a moment."),
)


def explain(error: CacheKitError) -> NoReturn:
    """Raise the ToolError that says what a person or a model can do about it."""
    if isinstance(error, InvalidFlightSearch):
        raise ToolError(f"Invalid search: {error}.", code="invalid_input") from error
    if type(error) is AmadeusRequestError:
        raise ToolError(_refusal(error), code="invalid_input") from error
    logger.warning("flight search failed: %s: %s", type(error).__name__, error)
    code, sentence = next((code, sentence) for kind, code, sentence in _SENTENCES if isinstance(error, kind))
    raise ToolError(sentence, code=code) from error


def _refusal(error: AmadeusRequestError) -> str:
    """What the service said is wrong. Its title and parameter name our request, never a credential."""
    reason = (error.detail or error.title or "no reason was given").rstrip(".").lower()
    parameter = (error.source or {}).get("parameter")
    where = f" ({parameter})" if parameter else ""
    return f"The flight service refused the search{where}: {reason}. Change it and try again."
