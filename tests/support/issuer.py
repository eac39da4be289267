"""An identity provider of the test's own: keys, tokens signed with them, and a server that publishes them."""

import base64
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


@cache
def key_for(algorithm: str, name: str = "first", *, bits: int = 2048) -> Any:
    """The private key of that name; made once in a process, since RSA keys take long."""
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm in CURVES:
        return ec.generate_private_key(CURVES[algorithm])
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def public_jwk(key: Any, algorithm: str = "RS256", **members: Any) -> dict[str, Any]:
    """The key as an issuer publishes it; a member given as None is left out."""
    of_algorithm = jwt.get_algorithm_by_name(algorithm)
    made = {**of_algorithm.to_jwk(key.public_key(), as_dict=True), "use": "sig", "kid": "first", **members}
    return {name: value for name, value in made.items() if value is not None}


def claims(**changes: Any) -> dict[str, Any]:
    """Claims that are in order, but for the changes; one given as None is left out."""
    now = int(time.time())
    made = {"sub": "ana", "iat": now, "exp": now + 600, **changes}
    return {name: value for name, value in made.items() if value is not None}


def signed(
    key: Any, algorithm: str = "RS256", *, kid: str | None = "first", header: Any = None, **changes: Any
) -> str:
    """A token signed by that key."""
    headers = {**({} if kid is None else {"kid": kid}), **(header or {})}
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers=headers)


def by_hand(header: Any, payload: Any, signature: bytes = b"") -> str:
    """A token put together by hand; bytes are taken as they are, everything else becomes JSON."""
    texts = (part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (*texts, signature))


class Issuer:
    """Serves a key set, counts who asks, and misbehaves when `answer` is set."""

    def __init__(self) -> None:
        self.keys: list[Any] = []
        self.requests = 0
        self.answer: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
        self.url = ""
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self) -> None:
        """Begin to serve, after the first time at the same address as before."""
        application = web.Application()
        application.router.add_get("/keys", self._serve)
        self._runner = web.AppRunner(application, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}/keys"

    async def stop(self) -> None:
        """Refuse connections from now on."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def publish(self, *keys: Any) -> None:
        """Serve these instead of those before."""
        self.keys = list(keys)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        if self.answer is not None:
            return await self.answer(request)
        return web.json_response({"keys": self.keys})


@asynccontextmanager
async def running_issuer() -> AsyncIterator[Issuer]:
    """An issuer that publishes one RSA key."""
    issuer = Issuer()
    issuer.publish(public_jwk(key_for("RS256")))
    await issuer.start()
    try:
        yield issuer
    finally:
        await issuer.stop()
