"""The fields of one kind of request together: how it is folded, read from a query and written to one."""

from collections.abc import Mapping
from typing import Any

from cachekit.amadeus.params.fields import Field, is_absent, refuse_name

__all__ = ["Form"]


class Form:
    """All fields of one kind of request, in the order in which they are sent.

    A request is a frozen dataclass whose attributes are named as the fields are.
    """

    __slots__ = ("_by_name", "_by_wire", "error")

    def __init__(self, *fields: Field) -> None:
        self.error = fields[0].error
        self._by_name = {field.name: field for field in fields}
        self._by_wire = {field.wire: field for field in fields}

    @property
    def wire_names(self) -> dict[str, str]:
        """Attributes and their names on the wire."""
        return {field.name: field.wire for field in self._by_name.values()}

    def __getitem__(self, name: str) -> Field:
        return self._by_name[name]

    def fold(self, request: object) -> None:
        """Bring every attribute of a request that is being made to its one spelling.

        Raises:
            InvalidParams: the value of a field is not allowed.
        """
        for field in self._by_name.values():
            field.fold_in(request)

    def write(self, request: object) -> dict[str, str]:
        """The request in the API's names: defaults written out, what was not asked for left out."""
        texts = {field.wire: field.text_in(request) for field in self._by_name.values()}
        return {wire: text for wire, text in texts.items() if text is not None}

    def read(self, query: Mapping[str, Any], *, mandatory: tuple[str, ...]) -> dict[str, Any]:
        """The attributes that a query gives. What is absent is left out, so that it gets its default.

        Raises:
            InvalidParams: an unknown name, an attribute of `mandatory` that is missing, or a value that
                cannot be of the field's type.
        """
        values: dict[str, Any] = {}
        for wire, value in query.items():
            field = self._by_wire.get(wire)
            if field is None:
                refuse_name(wire, self._by_wire, self.error)
            if not is_absent(value):
                values |= field.values_in(value)
        for name in mandatory:
            if name not in values:
                self._by_name[name].refuse("given; it is mandatory", None)
        return values
