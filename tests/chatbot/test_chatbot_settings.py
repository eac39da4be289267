"""Settings: read once, refused by name, and silent about secrets."""

import pytest

from cachekit.errors import ConfigurationError
from chatbot.errors import SettingsError
from chatbot.settings import settings_from_environment

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
            "REDIS_HOST": "r",
            "AMADEUS_TOKEN_URL": "https://tokens.example",
        }
    )
    assert (settings.host, settings.port, settings.demo) == ("0.0.0.0", 9000, True)
    assert (settings.jwt_audience, settings.jwt_issuer, settings.ttl) == ("chat", "me", "lead_time")
    assert settings.origins == ("https://a.example", "https://b.example")
    assert settings.redis_url == "redis://r:6379"
    assert settings.amadeus.token_url == "https://tokens.example"


def test_defaults_are_safe():
    """Loopback, no demo, the page's own origin."""
    settings = settings_from_environment(GOOD)
    assert (settings.host, settings.port, settings.demo, settings.origins) == ("127.0.0.1", 8080, False, ())


def test_everything_missing_is_named_at_once():
    """One run tells all that is lacking; empty is missing."""
    with pytest.raises(SettingsError, match="CHATBOT_JWT_SECRET, AMADEUS_BASE_URL"):
        settings_from_environment({"CHATBOT_JWT_SECRET": " "})


@pytest.mark.parametrize(
    ("name", "value"),
    [("CHATBOT_PORT", "http"), ("CHATBOT_PORT", "65536"), ("CHATBOT_DEMO", "yes"), ("CHATBOT_TTL", "long")],
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
