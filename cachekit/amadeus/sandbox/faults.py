"""The troubles a sandbox can be told to make, and the queue they wait in.

| kind            | what comes instead of the answer                                                     |
|-----------------|--------------------------------------------------------------------------------------|
| `error`         | an error document with `code`, and its status                                        |
| `errors-in-200` | the same document, with status 200                                                   |
| `disconnect`    | nothing: the connection is cut                                                       |
| `html`          | status 200 and a page of HTML, as from a proxy or a captive portal                   |
| `bad-gateway`   | status 502 and a page of HTML                                                        |
| `redirect`      | status 302, to another path of this server                                           |
| `empty`         | status 200, a JSON content type and no body                                          |
| `truncated`     | the first half of the answer, complete as far as HTTP goes                           |
| `cut`           | the first half of the answer, and the connection is cut                              |
| `slow`          | the first half of the answer, and the rest `seconds` later                           |
| `huge`          | the answer, padded to `megabytes`                                                    |
| `bomb`          | the same, compressed: small until it is unpacked                                     |
| `charset`       | the answer, its content type followed by `; charset=utf-8`                           |
| `wrong-route`   | the answer, with every itinerary flown backwards                                     |
| `wrong-date`    | the answer, a day later                                                              |
| `wrong-types`   | the answer, with an object where the list `data` belongs                             |
| `wrong-items`   | the answer, with a word where each item of `data` belongs                            |

From `truncated` on the request is answered first, tokens and limits included, and only a success is
spoiled.
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args

__all__ = ["ENDPOINTS", "Endpoint", "Fault", "FaultKind", "Faults"]

Endpoint = Literal[
    "token",
    "token-state",
    "flight-offers",
    "flight-offers-post",
    "pricing",
    "flight-dates",
    "locations",
    "location",
    "airlines",
]
"""What requests are counted by; faults are for one of them."""

ENDPOINTS: Final[tuple[Endpoint, ...]] = get_args(Endpoint)

FaultKind = Literal[
    "error",
    "errors-in-200",
    "disconnect",
    "html",
    "bad-gateway",
    "redirect",
    "empty",
    "truncated",
    "cut",
    "slow",
    "huge",
    "bomb",
    "charset",
    "wrong-route",
    "wrong-date",
    "wrong-types",
    "wrong-items",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One trouble to make on one endpoint; see the table above for what `kind` does.

    `code` is for the two kinds of error, `seconds` for `slow`, `megabytes` for `huge` and `bomb`.
    """

    endpoint: Endpoint = "flight-offers"
    kind: FaultKind = "error"
    code: int = 141
    seconds: float = 1.0
    megabytes: int = 10


class Faults:
    """Troubles that wait for their requests; each is made once, in the order given."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, fault: Fault, count: int = 1) -> None:
        """Let the next `count` requests to the fault's endpoint meet it."""
        self._waiting += [fault] * count

    def take(self, endpoint: str) -> Fault | None:
        """The fault that this request meets, if any."""
        for index, fault in enumerate(self._waiting):
            if fault.endpoint == endpoint:
                return self._waiting.pop(index)
        return None

    def clear(self) -> None:
        """Forget those that wait."""
        self._waiting.clear()
