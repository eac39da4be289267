"""What went wrong at AWS or on the way there, and what to make of it.

Nothing that AWS says is shown to users: its sentences name accounts and roles. It is the cause of our
error, and goes to the log.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's, which is no OSError
    CredentialRetrievalError,
    HTTPClientError,
    NoAuthTokenError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSOError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from urllib3.exceptions import ReadTimeoutError as StreamTimeoutError

from chatbot.errors import ModelError


@dataclass(frozen=True, slots=True)
class Failure:
    """What a failed call means.

    `code` is a ModelError's: `model_busy`, `model_unavailable`, `model_rejected` (asking the same again
    fails again), `too_long` or `model_misconfigured` (an operator has to do something). `retry`: the same
    request may succeed in a moment.
    """

    code: str
    message: str
    retry: bool = False

    def error(self) -> ModelError:
        """What the caller gets."""
        return ModelError(self.message, code=self.code)


BUSY: Final = Failure("model_busy", "The assistant is very busy; try again in a moment.", retry=True)
AWAY: Final = Failure("model_unavailable", "The model is out of reach; try again in a moment.", retry=True)
SILENT: Final = Failure("model_unavailable", "The model did not answer in time; try again.")
BROKEN: Final = Failure("model_unavailable", "The model's answer broke off; try again.")
REJECTED: Final = Failure("model_rejected", "The model refused the request; begin a new chat.")
TOO_LONG: Final = Failure("too_long", "This chat is too long for the model; begin a new one.")
MISCONFIGURED: Final = Failure(
    "model_misconfigured", "The assistant is not set up correctly; only its operators can mend that."
)

CODES: Final[Mapping[str, Failure]] = {
    "ThrottlingException": BUSY,
    "TooManyRequestsException": BUSY,
    "ServiceQuotaExceededException": BUSY,
    "ModelNotReadyException": AWAY,
    "ServiceUnavailableException": AWAY,
    "InternalServerException": AWAY,
    "ModelErrorException": AWAY,
    "ModelStreamErrorException": AWAY,
    "ModelTimeoutException": SILENT,
    "ValidationException": REJECTED,
    "AccessDeniedException": MISCONFIGURED,
    "ResourceNotFoundException": MISCONFIGURED,
    "UnrecognizedClientException": MISCONFIGURED,
    "InvalidSignatureException": MISCONFIGURED,
    "IncompleteSignatureException": MISCONFIGURED,
    "MissingAuthenticationTokenException": MISCONFIGURED,
    "ExpiredTokenException": MISCONFIGURED,
}
"""By the code of an HTTP error; a frame in mid-stream carries the same, its first letter small."""

_NO_CREDENTIALS: Final = (
    CredentialRetrievalError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
_SERVER_ERROR: Final = 500


def cause(error: Exception) -> Exception | None:
    """What may be logged of `error`; None if it quotes the conversation, as some of botocore's do."""
    return None if isinstance(error, ParamValidationError) else error


def failure(error: Exception) -> Failure:
    """What `error`, raised by botocore or by the connection below it, means."""
    if isinstance(error, ClientError):
        return _answered(error)
    if isinstance(error, _NO_CREDENTIALS):
        return MISCONFIGURED
    # The first while waiting for the answer's headers, the second between two events.
    if isinstance(error, ReadTimeoutError | StreamTimeoutError):
        return SILENT
    if isinstance(error, ConnectionError | HTTPClientError):
        return AWAY
    if isinstance(error, BotoCoreError):
        return REJECTED
    # A stream that ended early, fell silent, or did not match its checksum.
    return BROKEN


def _answered(error: ClientError) -> Failure:
    code = str(error.response.get("Error", {}).get("Code", ""))
    known = CODES.get(code[:1].upper() + code[1:])
    if known is REJECTED and _says_too_long(str(error)):
        return TOO_LONG
    if known is not None:
        return known
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return AWAY if status >= _SERVER_ERROR else REJECTED


def _says_too_long(message: str) -> bool:
    """Bedrock has no code for it, only sentences such as "Input is too long for requested model"."""
    words = message.casefold()
    return "too long" in words or "too many tokens" in words or "context window" in words
