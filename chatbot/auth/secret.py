"""The secret that HS256 tokens are signed with."""

from typing import Final

from chatbot.errors import SettingsError

ALGORITHM: Final = "HS256"
LEAST_SECRET_BYTES: Final = 32
"""RFC 7518 section 3.2: a key at least as long as the hash."""

_LEAST_VARIETY: Final = 8
"""Different characters. The dullest of 32 random hex digits has more; a key held down has one."""


class Secret:
    """The one key of a verifier that shares a secret with its issuer. Its repr shows nothing of it."""

    __slots__ = ("value",)

    def __init__(self, text: str) -> None:
        """Raises SettingsError for a secret that could be guessed, or that is a key meant to be public."""
        if len(text.encode()) < LEAST_SECRET_BYTES:
            raise SettingsError(f"the JWT secret must be at least {LEAST_SECRET_BYTES} bytes long")
        if len(set(text)) < _LEAST_VARIETY:
            raise SettingsError(f"the JWT secret must have {_LEAST_VARIETY} different characters or more")
        if "-----BEGIN" in text or text.startswith("ssh-"):
            # Whoever knows the public key could sign with it.
            raise SettingsError("the JWT secret is a PEM or SSH key; publish it as a JWKS instead")
        self.value = text.encode()

    async def find(self, kid: str | None, algorithm: str) -> bytes | None:  # noqa: ARG002
        """The secret, whatever the token calls it."""
        return self.value if algorithm == ALGORITHM else None
