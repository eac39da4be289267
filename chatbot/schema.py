"""The protocol as one JSON Schema document, from which clients in other languages can make types."""

from typing import Any, Final

import msgspec

from chatbot.analytics import Snapshot
from chatbot.messages import ANNOUNCING, ANSWERING, INCOMING, ErrorInfo, HistoryItem
from chatbot.sessions import SessionInfo

_REF: Final = "#/$defs/{name}"


def protocol_schema() -> dict[str, Any]:
    """What may travel, by direction and event name: JSON Schema 2020-12, shared types under `$defs`.

    `clientToServer` and `serverToClient` map events to the schema of their payload; `acknowledgements` map
    the former to what stands beside `ok` when it is true.
    """
    outgoing: dict[str, Any] = {**ANSWERING, **ANNOUNCING, "admin:stats": Snapshot}
    shared = [SessionInfo, HistoryItem, ErrorInfo]
    kinds = [*INCOMING.values(), *outgoing.values(), *shared]
    schemas, definitions = msgspec.json.schema_components(kinds, ref_template=_REF)
    by_kind = dict(zip(kinds, schemas, strict=True))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "clientToServer": {event: by_kind[kind] for event, kind in INCOMING.items()},
        "acknowledgements": _acknowledgements(by_kind[SessionInfo], by_kind[HistoryItem]),
        "failure": {
            "type": "object",
            "required": ["ok", "error"],
            "properties": {"ok": {"const": False}, "error": by_kind[ErrorInfo]},
        },
        "serverToClient": {event: by_kind[kind] for event, kind in outgoing.items()},
        "$defs": definitions,
    }


def _acknowledgements(info: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    text, flag = {"type": "string"}, {"type": "boolean"}
    model = _object(name=text, offline=flag)
    started = _acknowledged(
        sessionId=text,
        title={"type": ["string", "null"]},
        model=model,
        history={"type": "array", "items": message},
        omitted={"type": "integer", "minimum": 0},
        answering={"type": ["string", "null"]},
    )
    return {
        "chat:start": started,
        "chat:message": _acknowledged(answerId=text),
        "chat:resume": _acknowledged(found=flag),
        "chat:stop": _acknowledged(stopped=flag),
        "chat:list": _acknowledged(sessions={"type": "array", "items": info}),
        "chat:rename": _acknowledged(),
        "chat:delete": _acknowledged(),
        "auth:refresh": _acknowledged(expiresAt=text),
        "admin:watch": _acknowledged(stats={"$ref": _REF.format(name=Snapshot.__name__)}),
        "admin:unwatch": _acknowledged(),
    }


def _acknowledged(**properties: Any) -> dict[str, Any]:
    return _object(ok={"const": True}, **properties)


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": [*properties], "properties": properties}
