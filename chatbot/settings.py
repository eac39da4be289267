"""The gateway's settings, read from the environment once.

Defaults stand in parentheses:

    CHATBOT_HOST           address to listen on (127.0.0.1)
    CHATBOT_PORT           port to listen on; 0 picks a free one (8080)
    CHATBOT_JWT_SECRET     HS256 secret of at least 32 bytes; required
    CHATBOT_JWT_AUDIENCE   `aud` that tokens must carry (none)
    CHATBOT_JWT_ISSUER     `iss` that tokens must carry (none)
    CHATBOT_ORIGINS        further origins whose pages may connect, comma-separated (none)
    CHATBOT_DEMO           1 lets anybody sign in under a name of their choice (0)
    CHATBOT_TTL            "fixed" keeps searches for 300 s, "lead_time" by days to departure (fixed)
    REDIS_URL              where Redis is; else REDIS_HOST, REDIS_PORT, REDIS_PASSWORD
    AMADEUS_…              the flight API's host, credentials and bounds: see
                           `cachekit.amadeus.client.settings`; its address and credentials are required
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, cast

from cachekit.amadeus.client import AmadeusSettings
from cachekit.core.connection import url_from_environment
from chatbot.errors import SettingsError

REQUIRED: Final = (
    "CHATBOT_JWT_SECRET",
    "AMADEUS_BASE_URL",
    "AMADEUS_CLIENT_ID",
    "AMADEUS_CLIENT_SECRET",
)
MAX_PORT: Final = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an instance needs to know to start. Secrets are in no repr."""

    host: str = "127.0.0.1"
    port: int = 8080
    jwt_secret: str = field(repr=False)
    jwt_audience: str | None = None
    jwt_issuer: str | None = None
    origins: tuple[str, ...] = ()
    demo: bool = False
    ttl: Literal["fixed", "lead_time"] = "fixed"
    redis_url: str = field(repr=False)
    amadeus: AmadeusSettings
    pace: float = 0.03
    """Seconds between two words of the offline model."""


def settings_from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: a variable is missing or cannot work; names it and what is allowed.
        ConfigurationError: so is one of Redis' or of the flight API's.
    """
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    missing = [name for name in REQUIRED if name not in given]
    if missing:
        raise SettingsError(f"the environment lacks {', '.join(missing)}")
    ttl = given.get("CHATBOT_TTL", "fixed")
    if ttl not in {"fixed", "lead_time"}:
        raise SettingsError(f"CHATBOT_TTL={ttl!r}: allowed are 'fixed' and 'lead_time'")
    demo = given.get("CHATBOT_DEMO", "0")
    if demo not in {"0", "1"}:
        raise SettingsError(f"CHATBOT_DEMO={demo!r}: allowed are 0 and 1")
    port = given.get("CHATBOT_PORT", "8080")
    if not port.isdecimal() or int(port) > MAX_PORT:
        raise SettingsError(f"CHATBOT_PORT={port!r}: a port number from 0 to {MAX_PORT} is allowed")
    origins = (origin.strip() for origin in given.get("CHATBOT_ORIGINS", "").split(","))
    return Settings(
        host=given.get("CHATBOT_HOST", "127.0.0.1"),
        port=int(port),
        jwt_secret=given["CHATBOT_JWT_SECRET"],
        jwt_audience=given.get("CHATBOT_JWT_AUDIENCE"),
        jwt_issuer=given.get("CHATBOT_JWT_ISSUER"),
        origins=tuple(origin for origin in origins if origin),
        demo=demo == "1",
        ttl=cast("Literal['fixed', 'lead_time']", ttl),
        redis_url=url_from_environment(given),
        amadeus=AmadeusSettings.from_env(given),
    )
