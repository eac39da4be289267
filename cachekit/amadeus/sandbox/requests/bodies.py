"""Request bodies read as strictly as the service reads them, each fault with its pointer."""

import re
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import web

from cachekit.amadeus.sandbox.issues import Issue, Refusal

__all__ = ["LARGEST_BODY", "Body", "read_body", "read_content", "read_json"]

LARGEST_BODY: Final = 4_000_000
"""Bytes; six offers of nine travelers are well below."""

INVALID_FORMAT: Final = 477
BAD_LENGTH: Final = 2781
INVALID_DATA: Final = 4926
MISSING: Final = 32171

# What msgspec says of a value that does not fit, and where; the tests hold each form of it.
_PLACE: Final = re.compile(r"(?P<fault>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_FIELD: Final = re.compile(r"Object (?P<fault>missing required|contains unknown) field `(?P<name>.*)`")


class Body(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Base of what a body is made of; an unknown field is refused."""


B = TypeVar("B", bound=Body)


async def read_content(request: web.Request) -> bytes:
    """The body of the request as it came, unpacked.

    Raises:
        Refusal: it is too long, or not packed as its header says.
    """
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise Refusal([Issue(BAD_LENGTH, "the body is too long")]) from error
    except web.RequestPayloadError as error:
        raise Refusal([Issue(INVALID_FORMAT, "the body cannot be unpacked")]) from error


async def read_json(request: web.Request) -> Any:
    """The body of the request as JSON.

    Raises:
        Refusal: there is none, it is no JSON, or it is too long.
    """
    content = await read_content(request)
    if not content:
        raise Refusal([Issue(MISSING, "the request needs a body")])
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refusal([Issue(INVALID_FORMAT, "the body is not valid JSON")]) from error


def read_body(document: Any, kind: type[B], *, too_many: int) -> B:
    """The document as a `kind`.

    Args:
        document: what `read_json` gave.
        kind: how it must look.
        too_many: the code of a list that is too long; the paths of the API differ in that.

    Raises:
        Refusal: with the first fault that is found.
    """
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise Refusal([_issue(str(error), too_many)]) from error


def _issue(said: str, too_many: int) -> Issue:
    match = _PLACE.fullmatch(said)
    fault, path = (match["fault"], match["path"] or "") if match else (said, "")
    pointer = path.replace(".", "/") or "/"
    if field := _FIELD.fullmatch(fault):
        pointer = f"{pointer.rstrip('/')}/{field['name']}"
        if field["fault"] == "contains unknown":
            return Issue(INVALID_FORMAT, f"unknown field {field['name'][:60]}", pointer=pointer)
        return Issue(MISSING, f"{field['name']} needed", pointer=pointer)
    return Issue(_code(fault, too_many), fault, pointer=pointer)


def _code(fault: str, too_many: int) -> int:
    """A list that is empty lacks what is mandatory; a value out of bounds is of the right form."""
    if "of length >=" in fault:
        return MISSING
    if "of length <=" in fault:
        return too_many
    if fault.startswith("Invalid enum value") or "` <= " in fault or "` >= " in fault:
        return INVALID_DATA
    return INVALID_FORMAT
