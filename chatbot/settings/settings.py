"""The gateway's settings. Defaults stand in parentheses; 0 turns a limit off.

Where it listens and what it is:

    CHATBOT_HOST                 address to listen on (127.0.0.1)
    CHATBOT_PORT                 port to listen on; 0 picks a free one (8080)
    CHATBOT_ORIGINS              further origins whose pages may connect, comma-separated (none)
    CHATBOT_TRUSTED_PROXIES      networks whose X-Forwarded-For is believed, comma-separated (none)
    CHATBOT_DEMO                 1 lets anybody sign in under a name of their choice (0)
    CHATBOT_DRAIN_SECONDS        how long answers may go on after SIGTERM (20)
    CHATBOT_LOG                  `text` or `json` lines (text)
    REDIS_URL                    where Redis is; else REDIS_HOST, REDIS_PORT, REDIS_PASSWORD

Who may come in; one of the first two is required:

    CHATBOT_JWT_SECRET           HS256 secret of at least 32 bytes
    CHATBOT_JWKS_URL             where the issuer publishes its keys
    CHATBOT_JWT_ALGORITHMS       with JWKS: one family, comma-separated (RS256)
    CHATBOT_JWT_AUDIENCE         `aud` that tokens must carry (none)
    CHATBOT_JWT_ISSUER           `iss` that tokens must carry (none)
    CHATBOT_JWT_TYPE             `typ` that tokens must carry (none)
    CHATBOT_ADMIN_ROLE           who has it among their token's `roles` is an admin (admin)

How much:

    CHATBOT_ADDRESS_CONNECTS     connects a minute from one address, per instance (600)
    CHATBOT_ADDRESS_REQUESTS     requests a minute of all sockets from one address, per instance (6000)
    CHATBOT_USER_CONNECTS        connects, and new chats, a minute of one user, all instances together (60)
    CHATBOT_USER_MESSAGES        questions a minute of one user, all instances together (30)
    CHATBOT_USER_DAILY_TOKENS    tokens of the model that one user may use in a day (0)

Who answers:

    CHATBOT_MODEL                an inference profile's id on Bedrock; without it the offline demo answers
    CHATBOT_MODEL_REGION         AWS region of it; else AWS_REGION
    CHATBOT_MODEL_ENDPOINT       another endpoint for it (AWS' own)
    CHATBOT_MODEL_STREAMS        answers that may be streamed at once, per instance (64)
    CHATBOT_MODEL_CACHE          `off` for a model that refuses cache points (on)
    CHATBOT_MODEL_PRICES         what a million tokens cost: `input,output` or
                                 `input,output,cache read,cache write` (none: cost is not counted)
    CHATBOT_TTL                  "fixed" keeps searches for 300 s, "lead_time" by days to departure (fixed)
    AMADEUS_…                    the flight API's host, credentials and bounds: see
                                 `cachekit.amadeus.client.settings`; its address and credentials are required

What is kept for long:

    CHATBOT_ARCHIVE_TABLE        DynamoDB table of the sessions' archive; without it they live in Redis only
    CHATBOT_ARCHIVE_REGION       AWS region of it; else AWS_REGION
    CHATBOT_ARCHIVE_ENDPOINT     another endpoint for it (AWS' own)
    CHATBOT_ARCHIVE_DAYS         days that the archive keeps each message (365)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, Literal

from cachekit.amadeus.client import AmadeusSettings
from cachekit.core.connection import url_from_environment
from chatbot.errors import SettingsError
from chatbot.settings.environment import Environment

MAX_PORT: Final = 65_535

_MOST_A_MINUTE: Final = 1_000_000
_PRICES: Final = (2, 4)
_FREE: Final[tuple[Decimal, ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSettings:
    """What a token must be. Exactly one of `secret` and `jwks_url` is given; the secret is in no repr."""

    secret: str | None = field(default=None, repr=False)
    jwks_url: str | None = None
    algorithms: tuple[str, ...] = ("RS256",)
    audience: str | None = None
    issuer: str | None = None
    type: str | None = None
    admin_role: str = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """How much one party may do, a minute or a day; 0: as much as it likes."""

    address_connects: int = 600
    address_requests: int = 6_000
    user_connects: int = 60
    user_messages: int = 30
    daily_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Which model on Bedrock answers; `prices` are for a million tokens: input, output, cache read, write."""

    id: str
    region: str
    endpoint: str | None = None
    streams: int = 64
    cache_points: bool = True
    prices: tuple[Decimal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSettings:
    """Where sessions are kept for long."""

    table: str
    region: str
    endpoint: str | None = None
    days: int = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an instance needs to know to start. Secrets are in no repr."""

    host: str = "127.0.0.1"
    port: int = 8080
    origins: tuple[str, ...] = ()
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    demo: bool = False
    drain: float = 20.0
    log: Literal["text", "json"] = "text"
    redis_url: str = field(repr=False)
    auth: AuthSettings
    limits: LimitSettings = field(default_factory=LimitSettings)
    model: ModelSettings | None = None
    archive: ArchiveSettings | None = None
    ttl: Literal["fixed", "lead_time"] = "fixed"
    amadeus: AmadeusSettings
    pace: float = 0.03
    """Seconds between two words of the offline model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiverSettings:
    """What an archiver that runs alone needs to know."""

    redis_url: str = field(repr=False)
    archive: ArchiveSettings
    log: Literal["text", "json"] = "text"


def settings_from_environment(variables: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: a variable is missing, cannot work or is misspelt; names it and what is allowed.
        ConfigurationError: so is one of Redis' or of the flight API's.
    """
    environment = Environment(variables)
    secret = () if environment.text("CHATBOT_JWKS_URL") else ("CHATBOT_JWT_SECRET",)
    environment.require(*secret, "AMADEUS_BASE_URL", "AMADEUS_CLIENT_ID", "AMADEUS_CLIENT_SECRET")
    auth = _auth(environment)
    demo = environment.switch("CHATBOT_DEMO")
    if demo and auth.secret is None:
        raise SettingsError("CHATBOT_DEMO=1 makes tokens itself, and for that needs CHATBOT_JWT_SECRET")
    settings = Settings(
        host=environment.text("CHATBOT_HOST") or "127.0.0.1",
        port=environment.whole("CHATBOT_PORT", default=8080, least=0, most=MAX_PORT),
        origins=environment.texts("CHATBOT_ORIGINS"),
        trusted_proxies=_networks(environment),
        demo=demo,
        drain=environment.seconds("CHATBOT_DRAIN_SECONDS", default=20.0, most=600.0),
        log=environment.choice("CHATBOT_LOG", _LOGS, default="text"),
        redis_url=url_from_environment(environment.given),
        auth=auth,
        limits=_limits(environment),
        model=_model(environment),
        archive=_archive(environment),
        ttl=environment.choice("CHATBOT_TTL", _TTLS, default="fixed"),
        amadeus=AmadeusSettings.from_env(environment.given),
    )
    environment.refuse_misspelt()
    return settings


def archiver_settings_from_environment(variables: Mapping[str, str]) -> ArchiverSettings:
    """Read what the archiver needs when it runs alone: Redis and the archive, and none of the rest.

    Raises SettingsError and ConfigurationError, as `settings_from_environment`.
    """
    environment = Environment(variables)
    environment.require("CHATBOT_ARCHIVE_TABLE")
    archive = _archive(environment)
    assert archive is not None
    return ArchiverSettings(
        redis_url=url_from_environment(environment.given),
        archive=archive,
        log=environment.choice("CHATBOT_LOG", _LOGS, default="text"),
    )


_LOGS: Final[Mapping[str, Literal["text", "json"]]] = {"text": "text", "json": "json"}
_TTLS: Final[Mapping[str, Literal["fixed", "lead_time"]]] = {"fixed": "fixed", "lead_time": "lead_time"}


def _auth(environment: Environment) -> AuthSettings:
    secret = environment.text("CHATBOT_JWT_SECRET")
    jwks_url = environment.text("CHATBOT_JWKS_URL")
    if secret is not None and jwks_url is not None:
        raise SettingsError("CHATBOT_JWT_SECRET and CHATBOT_JWKS_URL: one of the two is allowed")
    return AuthSettings(
        secret=secret,
        jwks_url=jwks_url,
        algorithms=environment.texts("CHATBOT_JWT_ALGORITHMS") or ("RS256",),
        audience=environment.text("CHATBOT_JWT_AUDIENCE"),
        issuer=environment.text("CHATBOT_JWT_ISSUER"),
        type=environment.text("CHATBOT_JWT_TYPE"),
        admin_role=environment.text("CHATBOT_ADMIN_ROLE") or "admin",
    )


def _limits(environment: Environment) -> LimitSettings:
    def a_minute(name: str, default: int) -> int:
        return environment.whole(name, default=default, least=0, most=_MOST_A_MINUTE)

    return LimitSettings(
        address_connects=a_minute("CHATBOT_ADDRESS_CONNECTS", 600),
        address_requests=a_minute("CHATBOT_ADDRESS_REQUESTS", 6_000),
        user_connects=a_minute("CHATBOT_USER_CONNECTS", 60),
        user_messages=a_minute("CHATBOT_USER_MESSAGES", 30),
        daily_tokens=environment.whole("CHATBOT_USER_DAILY_TOKENS", default=0, least=0, most=10**12),
    )


def _model(environment: Environment) -> ModelSettings | None:
    region = environment.text("CHATBOT_MODEL_REGION") or environment.text("AWS_REGION")
    endpoint = environment.text("CHATBOT_MODEL_ENDPOINT")
    streams = environment.whole("CHATBOT_MODEL_STREAMS", default=64, least=1, most=1_000)
    prices = environment.read(
        "CHATBOT_MODEL_PRICES",
        _prices,
        default=_FREE,
        allowed="two or four decimal numbers, comma-separated: input, output, cache read, cache write",
    )
    cache_points = environment.choice("CHATBOT_MODEL_CACHE", {"on": True, "off": False}, default=True)
    model_id = environment.text("CHATBOT_MODEL")
    if model_id is None:
        return None
    if region is None:
        raise SettingsError("CHATBOT_MODEL needs a region: set CHATBOT_MODEL_REGION or AWS_REGION")
    return ModelSettings(
        id=model_id,
        region=region,
        endpoint=endpoint,
        streams=streams,
        cache_points=cache_points,
        prices=prices,
    )


def _archive(environment: Environment) -> ArchiveSettings | None:
    region = environment.text("CHATBOT_ARCHIVE_REGION") or environment.text("AWS_REGION")
    endpoint = environment.text("CHATBOT_ARCHIVE_ENDPOINT")
    days = environment.whole("CHATBOT_ARCHIVE_DAYS", default=365, least=1, most=36_500)
    table = environment.text("CHATBOT_ARCHIVE_TABLE")
    if table is None:
        return None
    if region is None:
        raise SettingsError("CHATBOT_ARCHIVE_TABLE needs a region: set CHATBOT_ARCHIVE_REGION or AWS_REGION")
    return ArchiveSettings(table=table, region=region, endpoint=endpoint, days=days)


def _networks(environment: Environment) -> tuple[IPv4Network | IPv6Network, ...]:
    texts = environment.texts("CHATBOT_TRUSTED_PROXIES")
    try:
        return tuple(ip_network(text) for text in texts)
    except ValueError:
        raise SettingsError(
            "CHATBOT_TRUSTED_PROXIES: allowed are addresses and networks such as 10.0.0.0/8, comma-separated"
        ) from None


def _prices(text: str) -> tuple[Decimal, ...]:
    try:
        prices = tuple(Decimal(part.strip()) for part in text.split(","))
    except InvalidOperation:
        raise ValueError from None
    if len(prices) not in _PRICES or not all(price.is_finite() and price >= 0 for price in prices):
        raise ValueError
    return prices
