"""The error documents of the wire: codes, titles and statuses, as published."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Issue", "Refusal", "refuse_if"]

TITLES: Final = {
    141: (500, "SYSTEM ERROR HAS OCCURRED"),
    425: (400, "INVALID DATE"),
    477: (400, "INVALID FORMAT"),
    572: (400, "INVALID OPTION"),
    1797: (404, "NOT FOUND"),
    2668: (400, "PARAMETER COMBINATION INVALID/RESTRICTED"),
    2781: (400, "INVALID LENGTH"),
    4926: (400, "INVALID DATA RECEIVED"),
    10661: (400, "MAXIMUM NUMBER OF OCCURRENCES EXCEEDED"),
    32171: (400, "MANDATORY DATA MISSING"),
    38189: (500, "Internal error"),
    38190: (401, "Invalid access token"),
    38191: (401, "Invalid HTTP header"),
    38192: (401, "Access token expired"),
    38193: (401, "Access token revoked"),
    38194: (429, "Too many requests"),
    38195: (429, "Quota limit exceeded"),
    38196: (404, "Resource not found"),
    38197: (403, "Forbidden"),
}
"""HTTP status and title of each code."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong.

    `parameter` names the query parameter at fault, `pointer` the place in the body, as the service writes
    it: `/data/flightOffers[0]/type`, with the index in brackets. `example` is a value that would do.
    """

    code: int
    detail: str
    parameter: str | None = None
    pointer: str | None = None
    example: str | None = None

    @property
    def status(self) -> int:
        """The HTTP status of its code."""
        return TITLES[self.code][0]

    @property
    def title(self) -> str:
        """The title of its code."""
        return TITLES[self.code][1]

    @property
    def source(self) -> dict[str, str]:
        """What is at fault; empty if that is the request as a whole."""
        places = {"parameter": self.parameter, "pointer": self.pointer, "example": self.example}
        return {name: place for name, place in places.items() if place is not None}

    def document(self) -> dict[str, Any]:
        """The issue as the API writes it."""
        issue: dict[str, Any] = {
            "status": self.status,
            "code": self.code,
            "title": self.title,
            "detail": self.detail,
        }
        if self.source:
            issue["source"] = self.source
        return issue


class Refusal(Exception):
    """A request that is answered with an error document; its status is that of the first issue.

    An answer of this server, not an error in it.
    """

    def __init__(self, issues: Sequence[Issue]) -> None:
        super().__init__("; ".join(issue.detail for issue in issues))
        self.issues = tuple(issues)

    @property
    def status(self) -> int:
        """The HTTP status of the reply."""
        return self.issues[0].status

    def document(self) -> dict[str, Any]:
        """`{"errors": [...]}`."""
        return {"errors": [issue.document() for issue in self.issues]}


def refuse_if(issues: Sequence[Issue]) -> None:
    """Raise a Refusal that lists the issues, unless there are none."""
    if issues:
        raise Refusal(issues)
