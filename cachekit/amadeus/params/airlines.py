"""A look-up of airlines by their codes, as `GET /v1/reference-data/airlines` takes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, Self

from cachekit.amadeus.errors import InvalidParams
from cachekit.amadeus.params.codes import Code, Several
from cachekit.amadeus.params.form import Form

__all__ = ["AirlineLookup"]

_CODE: Final = Code(
    name="codes",
    wire="airlineCodes",
    pattern=r"[0-9A-Z]{2}|[A-Z]{3}",
    rule="IATA codes of two letters or digits or ICAO codes of three letters, such as TP or TAP, "
    "separated by commas",
    error=InvalidParams,
)
AIRLINE_LOOKUP: Final = Form(
    Several(name="codes", wire="airlineCodes", item=_CODE, least=1, error=InvalidParams)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AirlineLookup:
    """One request to Airline Code Lookup.

    Attributes:
        codes: IATA codes of two characters or ICAO codes of three letters, at least one.

    Raises:
        InvalidParams: the service would refuse it; names the field, the rule and the value.
    """

    verb: ClassVar[Literal["GET"]] = "GET"

    codes: tuple[str, ...]

    def __post_init__(self) -> None:
        """Fold and check."""
        AIRLINE_LOOKUP.fold(self)

    def to_query(self) -> dict[str, str]:
        """The whole folded request in the API's names: what is sent."""
        return AIRLINE_LOOKUP.write(self)

    def key_params(self) -> dict[str, Any]:
        """What a cache key is made of, beside who is asked: the query that is sent, and its verb."""
        return {**self.to_query(), "verb": self.verb}

    @classmethod
    def from_query(cls, query: Mapping[str, Any]) -> Self:
        """Read a request in the API's names; the codes are a comma-separated string or a list of such.

        Raises:
            InvalidParams: an unknown name, no code, or one that cannot be.
        """
        return cls(**AIRLINE_LOOKUP.read(query, mandatory=("codes",)))
