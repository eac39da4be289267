"""The keys that an issuer publishes (RFC 7517), of which only those that may check a signature count."""

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

import jwt

logger = logging.getLogger(__name__)

FAMILIES: Final = (
    ("RS256", "RS384", "RS512"),
    ("PS256", "PS384", "PS512"),
    ("ES256", "ES384", "ES512"),
    ("EdDSA",),
)
"""Algorithms that share a kind of key and a way to sign. None of them is symmetric."""
MAX_KEYS: Final = 64
"""Keys in one set; issuers publish two or three."""
MAX_KEY_BITS: Final = 8_192
"""Checking one signature takes time with the square of this."""

_ALGORITHMS: Final[Mapping[str, tuple[str, ...]]] = {
    "RSA": FAMILIES[0] + FAMILIES[1],
    "EC": FAMILIES[2],
    "OKP": FAMILIES[3],
}


class KeySet:
    """Keys by id and algorithm. Two keys that share both count as none: nobody can tell which is meant."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[Any]) -> None:
        """`keys` as in JSON. What cannot check a signature is left out."""
        found: dict[tuple[str | None, str], list[jwt.PyJWK]] = {}
        for key in keys:
            for algorithm in _algorithms_of(key):
                made = _make(key, algorithm)
                if made is not None:
                    found.setdefault((made.key_id, algorithm), []).append(made)
        self._keys = {name: same[0] for name, same in found.items() if len(same) == 1}

    def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """The key a token means; one without a `kid` means the only key there is for its algorithm."""
        if kid is not None:
            return self._keys.get((kid, algorithm))
        fitting = [key for (_, each), key in self._keys.items() if each == algorithm]
        return fitting[0] if len(fitting) == 1 else None


def read_key_set(body: bytes) -> KeySet:
    """The usable keys of a JSON Web Key Set; raises ValueError for what is none."""
    try:
        document = json.loads(body.decode())
    except RecursionError:
        raise ValueError("nested too deep") from None
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or len(keys) > MAX_KEYS:
        raise ValueError(f'not {{"keys": […]}} with at most {MAX_KEYS} of them')
    return KeySet(keys)


def _algorithms_of(key: object) -> tuple[str, ...]:
    """The algorithms a published key may be used with; none if it is not there to check signatures."""
    if not isinstance(key, dict) or key.get("use", "sig") != "sig":
        return ()
    operations = key.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return ()
    if not isinstance(key.get("kid", ""), str):
        return ()
    kind = key.get("kty")
    fitting = _ALGORITHMS.get(kind, ()) if isinstance(kind, str) else ()
    if fitting and "d" in key:
        logger.warning("the issuer publishes a private key, which is not used here")
        return ()
    return tuple(each for each in fitting if key.get("alg", each) == each)


def _make(key: dict[str, Any], algorithm: str) -> jwt.PyJWK | None:
    """The key, ready for use; None if it is broken, too short or too long, or on another curve."""
    try:
        made = jwt.PyJWK(key, algorithm)
        material = made.Algorithm.prepare_key(made.key)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if made.Algorithm.check_key_length(material) or getattr(material, "key_size", 0) > MAX_KEY_BITS:
        return None
    return made
