"""Encryption at rest: AES-256-GCM under named keys, of which the first writes and any reads.

A sealed text is a random 96-bit nonce, the ciphertext, and the 128-bit tag. What it is bound to (the key
in Redis and the header line) is authenticated with it and not stored: a value that was moved or whose
header was changed does not open.

Random nonces may repeat. NIST SP 800-38D, section 8.3, allows at most 2^32 texts per key, which keeps
the chance of one repetition below 2^-32. At 1,000 writes a second that is 49 days: rotate before.
"""

import binascii
import os
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final

from cachekit.errors import ConfigurationError

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
OVERHEAD: Final = NONCE_BYTES + TAG_BYTES
"""Bytes by which a sealed text is longer than its plain text."""

_KEY_ID: Final = re.compile(r"[A-Za-z0-9_.\-]{1,32}")


class Keyring:
    """Named keys for encryption at rest. The keys never show in a repr or an error."""

    __slots__ = ("_ciphers", "current")

    current: str
    """The id of the key that writes."""

    def __init__(self, keys: Mapping[str, bytes | str]) -> None:
        """`keys` by id, the one that writes first; each is 32 bytes, raw or as base64 text.

        To rotate, put the new key first and keep the old one until what it wrote has expired.

        Raises:
            ConfigurationError: there is no key, an id or a key is not of that form, or the package
                `cryptography` is missing.
        """
        if not keys:
            raise ConfigurationError("a keyring needs at least one key")
        given: Any = keys
        if not isinstance(given, Mapping):
            raise ConfigurationError("a keyring needs a mapping of ids to keys")
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - an extra
        except ImportError:
            raise ConfigurationError(
                "encryption needs the package cryptography: pip install 'cachekit-toolkit[encryption]'"
            ) from None
        self.current = next(iter(keys))
        self._ciphers = {_require_id(kid): AESGCM(_key_bytes(kid, key)) for kid, key in keys.items()}

    def seal(self, text: bytes, *, bound: bytes) -> bytes:
        """`text` encrypted with the current key, openable only beside the same `bound`."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._ciphers[self.current].encrypt(nonce, text, bound)

    def open(self, sealed: bytes, *, kid: str, bound: bytes) -> bytes | None:
        """The text; None if there is no key `kid`, or it did not seal just these bytes with this `bound`."""
        cipher = self._ciphers.get(kid)
        if cipher is None or len(sealed) < OVERHEAD:
            return None
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - an extra

        try:
            return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound)
        except InvalidTag:
            return None

    def __repr__(self) -> str:
        return f"<Keyring {' '.join(self._ciphers)}>"


def _require_id(kid: object) -> str:
    if not isinstance(kid, str) or not _KEY_ID.fullmatch(kid):
        # It is not shown: a key that was given where its id belongs must not get into a log.
        raise ConfigurationError("a key's id must be 1 to 32 characters of A-Z a-z 0-9 _ . -")
    return kid


def _key_bytes(kid: str, key: object) -> bytes:
    if isinstance(key, str):
        try:
            # Both alphabets of RFC 4648 are taken.
            key = b64decode(key.strip().replace("-", "+").replace("_", "/"), validate=True)
        except (binascii.Error, ValueError):
            raise ConfigurationError(f"key {kid!r} is text, but no base64") from None
    if not isinstance(key, bytes):
        raise ConfigurationError(f"key {kid!r} must be bytes or base64 text, not {type(key).__name__}")
    if len(key) != KEY_BYTES:
        raise ConfigurationError(f"key {kid!r} has {len(key)} bytes; AES-256 takes {KEY_BYTES}")
    return key
