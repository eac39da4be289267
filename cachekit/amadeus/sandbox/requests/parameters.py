"""Query parameters read as strictly as the service reads them: nothing is folded here."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cachekit.amadeus.sandbox.issues import Issue, refuse_if

__all__ = ["DAY", "FLAG", "NUMBER", "Parameter", "read_parameters"]

INVALID_FORMAT: Final = 477
INVALID_DATA: Final = 4926
MISSING: Final = 32171

DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
FLAG: Final = r"true|false"
NUMBER: Final = r"[0-9]{1,9}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """What one query parameter may be.

    Attributes:
        pattern: how it is written; another spelling is a 477.
        example: a value that would do, told with a 477.
        mandatory: whether it must be there and not empty; else a 32171.
        low, high: bounds of a whole number; beyond them is a 4926.
        options: the words it may be, several with commas between; another word has the code `option_code`.
    """

    pattern: str
    example: str
    mandatory: bool = False
    low: int | None = None
    high: int | None = None
    options: Sequence[str] = ()
    option_code: int = INVALID_DATA

    def issue(self, name: str, value: str) -> Issue | None:
        """What is wrong with `value`, if anything."""
        if not re.fullmatch(self.pattern, value):
            return Issue(INVALID_FORMAT, "invalid query parameter format", name, example=self.example)
        if self.options and not set(value.split(",")) <= set(self.options):
            return Issue(self.option_code, f"must be one of {', '.join(self.options)}", name)
        if self.low is not None and int(value) < self.low:
            return Issue(INVALID_DATA, f"the value must be at least {self.low}", name)
        if self.high is not None and int(value) > self.high:
            return Issue(INVALID_DATA, f"the value must be at most {self.high}", name)
        return None


def read_parameters(
    query: Sequence[tuple[str, str]], known: Mapping[str, Parameter], *, repeated: int = INVALID_FORMAT
) -> dict[str, str]:
    """The values by name, each of them as it may be.

    Which parameters are there is looked at first, then each value; all faults of one kind are listed.

    Args:
        query: names and values as they came, in order.
        known: every parameter the path has.
        repeated: the code of a parameter that is given more than once.

    Raises:
        Refusal: an unknown, repeated or missing parameter, or a value that cannot be.
    """
    values: dict[str, str] = {}
    issues = []
    for name, value in query:
        if name not in known:
            issues.append(Issue(INVALID_FORMAT, "unknown query parameter", name))
        elif name in values:
            issues.append(Issue(repeated, "the query parameter is given more than once", name))
        values[name] = value
    issues += [
        Issue(MISSING, "the query parameter is mandatory", name)
        for name, parameter in known.items()
        if parameter.mandatory and not values.get(name)
    ]
    refuse_if(issues)
    refuse_if([issue for name, value in values.items() if (issue := known[name].issue(name, value))])
    return values
