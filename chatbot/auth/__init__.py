"""Who is connecting, for how long, and whether that still holds.

Reading order: `identity` (what a token says), `verifier` (whether to believe it), `keyset` and `jwks` (where
an identity provider's keys come from), `issuer` (tokens for the demo), `revoked` and `revocations` (tokens
that no longer count), `deadlines` (sockets end when their tokens do).
"""

from chatbot.auth.deadlines import Deadlines
from chatbot.auth.identity import LEEWAY, LONGEST_LIFE, Identity
from chatbot.auth.issuer import TokenIssuer
from chatbot.auth.jwks import JwksKeys
from chatbot.auth.revocations import Revocations
from chatbot.auth.secret import LEAST_SECRET_BYTES
from chatbot.auth.verifier import MAX_TOKEN_BYTES, TokenVerifier

__all__ = [
    "LEAST_SECRET_BYTES",
    "LEEWAY",
    "LONGEST_LIFE",
    "MAX_TOKEN_BYTES",
    "Deadlines",
    "Identity",
    "JwksKeys",
    "Revocations",
    "TokenIssuer",
    "TokenVerifier",
]
