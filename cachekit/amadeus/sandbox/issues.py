"""The error documents of the wire: codes, titles and statuses, as published."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Issue", "Refusal"]

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
    """One thing that is wrong. `parameter` is the query parameter at fault, if it is one."""

    code: int
    detail: str
    parameter: str | None = None

    @property
    def status(self) -> int:
        """The HTTP status of its code."""
        return TITLES[self.code][0]

    def document(self) -> dict[str, Any]:
        """The issue as the API writes it."""
        status, title = TITLES[self.code]
        issue: dict[str, Any] = {"status": status, "code": self.code, "title": title, "detail": self.detail}
        if self.parameter is not None:
            issue["source"] = {"parameter": self.parameter}
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
