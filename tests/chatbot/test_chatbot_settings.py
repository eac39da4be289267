"""Settings: read once, refused by name, and silent about secrets."""

from decimal import Decimal
from ipaddress import ip_network

import pytest

from cachekit.errors import ConfigurationError
from chatbot.errors import SettingsError
from chatbot.settings import (
    ArchiveSettings,
    AuthSettings,
    LimitSettings,
    ModelSettings,
    archiver_settings_from_environment,
    settings_from_environment,
)

GOOD = {
    "CHATBOT_JWT_SECRET": "hunter2-hunter2-hunter2-hunter2-hunter2",
    "AMADEUS_BASE_URL": "https://flights.example",
    "AMADEUS_CLIENT_ID": "hunter2-id",
    "AMADEUS_CLIENT_SECRET": "hunter2-secret",
}


def test_the_environment_becomes_settings():
    """Every documented variable is read."""
    settings = settings_from_environment(
        {
            **GOOD,
            "CHATBOT_HOST": "0.0.0.0",
            "CHATBOT_PORT": "9000",
            "CHATBOT_JWT_AUDIENCE": "chat",
            "CHATBOT_JWT_ISSUER": "me",
            "CHATBOT_ORIGINS": "https://a.example, https://b.example,",
            "CHATBOT_DEMO": "1",
            "CHATBOT_TTL": "lead_time",
            "CHATBOT_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
            "CHATBOT_DRAIN_SECONDS": "2.5",
            "CHATBOT_LOG": "json",
            "CHATBOT_JWT_TYPE": "at+jwt",
            "CHATBOT_ADMIN_ROLE": "boss",
            "CHATBOT_ADDRESS_CONNECTS": "1",
            "CHATBOT_ADDRESS_REQUESTS": "5",
            "CHATBOT_USER_CONNECTS": "2",
            "CHATBOT_USER_MESSAGES": "3",
            "CHATBOT_USER_DAILY_TOKENS": "4",
            "CHATBOT_MODEL": "global.anthropic.claude-x",
            "CHATBOT_MODEL_REGION": "eu-west-1",
            "CHATBOT_MODEL_ENDPOINT": "http://localhost:1",
            "CHATBOT_MODEL_STREAMS": "8",
            "CHATBOT_MODEL_CACHE": "off",
            "CHATBOT_MODEL_PRICES": "3, 15",
            "CHATBOT_ARCHIVE_TABLE": "chats",
            "CHATBOT_ARCHIVE_ENDPOINT": "http://localhost:2",
            "CHATBOT_ARCHIVE_DAYS": "30",
            "AWS_REGION": "us-east-1",
            "REDIS_HOST": "r",
            "AMADEUS_TOKEN_URL": "https://tokens.example",
        }
    )
    assert (settings.host, settings.port, settings.demo) == ("0.0.0.0", 9000, True)
    assert settings.auth == AuthSettings(
        secret=GOOD["CHATBOT_JWT_SECRET"], audience="chat", issuer="me", type="at+jwt", admin_role="boss"
    )
    assert settings.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("::1"))
    assert (settings.drain, settings.log, settings.ttl) == (2.5, "json", "lead_time")
    assert settings.limits == LimitSettings(
        address_connects=1, address_requests=5, user_connects=2, user_messages=3, daily_tokens=4
    )
    assert settings.model == ModelSettings(
        id="global.anthropic.claude-x",
        region="eu-west-1",
        endpoint="http://localhost:1",
        streams=8,
        cache_points=False,
        prices=(Decimal(3), Decimal(15)),
    )
    assert settings.archive == ArchiveSettings(
        table="chats", region="us-east-1", endpoint="http://localhost:2", days=30
    )
    assert settings.origins == ("https://a.example", "https://b.example")
    assert settings.redis_url == "redis://r:6379"
    assert settings.amadeus.token_url == "https://tokens.example"


def test_defaults_are_safe():
    """Loopback, no demo, the page's own origin."""
    settings = settings_from_environment(GOOD)
    assert (settings.host, settings.port, settings.demo, settings.origins) == ("127.0.0.1", 8080, False, ())
    assert (settings.trusted_proxies, settings.model, settings.archive) == ((), None, None)


def test_keys_of_an_issuer_stand_instead_of_a_secret():
    """With JWKS no secret is needed; both at once, or a demo that could not sign, are refused."""
    without = {name: value for name, value in GOOD.items() if name != "CHATBOT_JWT_SECRET"}
    keys = {"CHATBOT_JWKS_URL": "https://issuer.example/keys", "CHATBOT_JWT_ALGORITHMS": "ES256"}
    auth = settings_from_environment({**without, **keys}).auth
    assert (auth.secret, auth.jwks_url, auth.algorithms) == (None, "https://issuer.example/keys", ("ES256",))
    with pytest.raises(SettingsError, match="one of the two"):
        settings_from_environment({**GOOD, **keys})
    with pytest.raises(SettingsError, match="CHATBOT_DEMO=1"):
        settings_from_environment({**without, **keys, "CHATBOT_DEMO": "1"})


def test_without_a_region_nothing_of_aws_is_used():
    """A region of AWS' own choice would be a guess."""
    with pytest.raises(SettingsError, match="CHATBOT_MODEL_REGION or AWS_REGION"):
        settings_from_environment({**GOOD, "CHATBOT_MODEL": "global.anthropic.claude-x"})
    with pytest.raises(SettingsError, match="CHATBOT_ARCHIVE_REGION or AWS_REGION"):
        settings_from_environment({**GOOD, "CHATBOT_ARCHIVE_TABLE": "chats"})


def test_the_archiver_alone_needs_no_secrets():
    """It serves nobody, and searches for nobody."""
    given = {"CHATBOT_ARCHIVE_TABLE": "chats", "AWS_REGION": "eu-west-1", "REDIS_HOST": "r"}
    settings = archiver_settings_from_environment(given)
    assert (settings.redis_url, settings.archive.table) == ("redis://r:6379", "chats")
    with pytest.raises(SettingsError, match="lacks CHATBOT_ARCHIVE_TABLE"):
        archiver_settings_from_environment({})


def test_a_misspelt_variable_is_named():
    """A limit that is misspelt would hold nobody back."""
    with pytest.raises(SettingsError, match="did you mean CHATBOT_USER_MESSAGES"):
        settings_from_environment({**GOOD, "CHATBOT_USER_MESAGES": "3"})


def test_everything_missing_is_named_at_once():
    """One run tells all that is lacking; empty is missing."""
    with pytest.raises(SettingsError, match="CHATBOT_JWT_SECRET, AMADEUS_BASE_URL"):
        settings_from_environment({"CHATBOT_JWT_SECRET": " "})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHATBOT_PORT", "http"),
        ("CHATBOT_PORT", "65536"),
        ("CHATBOT_DEMO", "yes"),
        ("CHATBOT_TTL", "long"),
        ("CHATBOT_LOG", "xml"),
        ("CHATBOT_DRAIN_SECONDS", "nan"),
        ("CHATBOT_DRAIN_SECONDS", "-1"),
        ("CHATBOT_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("CHATBOT_USER_MESSAGES", "many"),
        ("CHATBOT_MODEL_PRICES", "3"),
        ("CHATBOT_MODEL_PRICES", "3,-1"),
        ("CHATBOT_MODEL_PRICES", "3,NaN"),
        ("CHATBOT_MODEL_STREAMS", "0"),
        ("CHATBOT_MODEL_CACHE", "yes"),
        ("CHATBOT_ARCHIVE_DAYS", "0"),
    ],
)
def test_a_value_that_cannot_work_is_named(name, value):
    """The error names the variable and what is allowed."""
    with pytest.raises(SettingsError, match=rf"{name}.*allowed"):
        settings_from_environment({**GOOD, name: value})


def test_a_bound_of_the_flight_api_that_cannot_work_is_named():
    """The flight API's own variables are checked as well."""
    with pytest.raises(ConfigurationError, match="AMADEUS_PER_SECOND"):
        settings_from_environment({**GOOD, "AMADEUS_PER_SECOND": "fast"})


def test_a_redis_port_that_is_none_is_named():
    """Redis' own variables are checked as well."""
    with pytest.raises(ConfigurationError, match="REDIS_PORT"):
        settings_from_environment({**GOOD, "REDIS_PORT": "x"})


def test_no_secret_is_in_the_repr():
    """A repr lands in logs."""
    settings = settings_from_environment({**GOOD, "REDIS_PASSWORD": "hunter2"})
    assert "hunter2" not in repr(settings)
