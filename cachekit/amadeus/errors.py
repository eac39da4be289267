"""Errors of the flight API; `cachekit.amadeus.client.faults` is where they are made of what the service said.

    CacheKitError
    └── FlightSourceError                 whatever any source of flights fails with
        └── AmadeusError
            ├── InvalidParams             refused here, before anything was sent; also a ValueError
            │   └── InvalidFlightSearch   the same, of a search for flights
            ├── AmadeusRequestError       400 and any other 4xx: the service refuses this request
            │   └── AmadeusNotFoundError  404: no such path, or no data where some must be
            ├── AmadeusAuthError          401: the credentials or the token are not accepted
            ├── AmadeusForbiddenError     403: the credentials do not cover this
            ├── AmadeusRateLimitError     429: too fast
            │   └── AmadeusQuotaError     429 with code 38195: the month's quota is spent
            │       └── AmadeusBudgetError  our own budget for the month is spent; nothing was sent
            ├── AmadeusServerError        5xx: the service failed
            ├── AmadeusReplyError         an answer that is not what the wire promises
            └── AmadeusUnavailable        no answer: not reachable, cut off, too late, or the client is closed

Two class attributes tell callers what to do, without a list of classes: `retryable`, and `refusal`.
An Amadeus error carries what the service said: `status` (HTTP), `code` (Amadeus'), `title`, `detail`,
`source` (which parameter) and `request_id` (to quote to the service's support), each None where it said
nothing. Texts never hold a secret or a token, even where the service echoes one.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from cachekit.errors import CacheKitError

__all__ = [
    "AmadeusAuthError",
    "AmadeusBudgetError",
    "AmadeusError",
    "AmadeusForbiddenError",
    "AmadeusNotFoundError",
    "AmadeusQuotaError",
    "AmadeusRateLimitError",
    "AmadeusReplyError",
    "AmadeusRequestError",
    "AmadeusServerError",
    "AmadeusUnavailable",
    "FlightSourceError",
    "InvalidFlightSearch",
    "InvalidParams",
]


class FlightSourceError(CacheKitError):
    """Base of everything a source of flights can fail with; another supplier's adapter derives from it.

    `retryable`: the same request may well succeed in a moment.
    `refusal`: the source has answered, and says no; an old answer must not stand in for it.
    """

    retryable: ClassVar[bool] = False
    refusal: ClassVar[bool] = False


class AmadeusError(FlightSourceError):
    """Base of everything the flight API can fail with."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: int | None = None,
        title: str | None = None,
        detail: str | None = None,
        source: Mapping[str, str] | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.source = source
        self.request_id = request_id


class InvalidParams(AmadeusError, ValueError):
    """A request the service would refuse; it was not sent.

    `field` is the attribute of the request (or the unknown name), `rule` says what is allowed, and
    `value` is what was given.
    """

    refusal = True

    def __init__(self, message: str, *, field: str = "", rule: str = "", value: object = None) -> None:
        super().__init__(message)
        self.field = field
        self.rule = rule
        self.value = value


class InvalidFlightSearch(InvalidParams):
    """A search for flights the service would refuse."""


class AmadeusRequestError(AmadeusError):
    """The service refuses this request; sending it again will not help."""

    refusal = True


class AmadeusNotFoundError(AmadeusRequestError):
    """No such path, or no data where some must be."""


class AmadeusAuthError(AmadeusError):
    """The credentials or the token are not accepted."""

    refusal = True


class AmadeusForbiddenError(AmadeusError):
    """The credentials are good but do not cover this."""

    refusal = True


class AmadeusRateLimitError(AmadeusError):
    """Requests come too fast for the contract."""

    retryable = True


class AmadeusQuotaError(AmadeusRateLimitError):
    """The month's quota is spent."""

    retryable = False


class AmadeusBudgetError(AmadeusQuotaError):
    """This application's own budget of requests for the month is spent; nothing was sent."""


class AmadeusServerError(AmadeusError):
    """The service failed."""

    retryable = True


class AmadeusReplyError(AmadeusError):
    """An answer that is not what the wire promises: not JSON, no `data` list, a redirect."""


class AmadeusUnavailable(AmadeusError):
    """No answer: the service cannot be reached, cut the connection, or took too long.

    `nothing_sent`: the request is known not to have left, so the service cannot have counted it.
    """

    retryable = True

    def __init__(self, message: str, *, nothing_sent: bool = False, **said: Any) -> None:
        super().__init__(message, **said)
        self.nothing_sent = nothing_sent
