"""What the environment says of a contract."""

from pathlib import Path

import pytest

from cachekit.amadeus.client import AmadeusSettings, RequestLimits
from cachekit.errors import ConfigurationError

NEEDED = {
    "AMADEUS_BASE_URL": "https://amadeus.test",
    "AMADEUS_CLIENT_ID": "id",
    "AMADEUS_CLIENT_SECRET": "the-secret",
}


def test_three_variables_are_enough():
    """Everything else has a default; an empty variable is none."""
    settings = AmadeusSettings.from_env(NEEDED | {"AMADEUS_TOKEN_URL": "", "AMADEUS_PER_MONTH": ""})
    assert settings == AmadeusSettings(
        base_url="https://amadeus.test", client_id="id", client_secret="the-secret"
    )
    assert (settings.cache, settings.max_ttl, settings.limits) == (True, None, RequestLimits())


def test_all_variables_are_read():
    """Each where it belongs."""
    settings = AmadeusSettings.from_env(
        NEEDED
        | {
            "AMADEUS_TOKEN_URL": "https://login.test/token",
            "AMADEUS_TOKEN_FIELDS": '{"guest_office_id": "LIS1A0000"}',
            "AMADEUS_HEADERS": '{"ama-client-ref": "{uuid}"}',
            "AMADEUS_PER_SECOND": "9.5",
            "AMADEUS_LEAST_INTERVAL_MS": "110",
            "AMADEUS_PER_MONTH": "2000",
            "AMADEUS_CACHE": "Off",
            "AMADEUS_MAX_TTL": "3600",
            "AMADEUS_RECORD": "cassettes",
        }
    )
    assert settings.token_url == "https://login.test/token"
    assert settings.token_fields == {"guest_office_id": "LIS1A0000"}
    assert settings.headers == {"ama-client-ref": "{uuid}"}
    assert settings.limits == RequestLimits(per_second=9.5, least_interval=0.11, per_month=2000)
    assert (settings.cache, settings.max_ttl, settings.record) == (False, 3600, Path("cassettes"))


def test_missing_variables_are_named_all_at_once():
    """There is no default host."""
    with pytest.raises(ConfigurationError, match="lacks AMADEUS_BASE_URL, AMADEUS_CLIENT_SECRET"):
        AmadeusSettings.from_env({"AMADEUS_CLIENT_ID": "id", "AMADEUS_BASE_URL": ""})


def test_the_process_environment_is_the_default(monkeypatch):
    """Read once, here."""
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    assert AmadeusSettings.from_env().client_id == "id"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AMADEUS_TOKEN_FIELDS", "hidden-1"),
        ("AMADEUS_TOKEN_FIELDS", '["hidden-1"]'),
        ("AMADEUS_HEADERS", '{"hidden-1": 7}'),
        ("AMADEUS_HEADERS", '{"hidden-1": "x"'),
        ("AMADEUS_PER_SECOND", "hidden-1"),
        ("AMADEUS_PER_SECOND", "-1"),
        ("AMADEUS_LEAST_INTERVAL_MS", "nan"),
        ("AMADEUS_LEAST_INTERVAL_MS", "300001"),
        ("AMADEUS_PER_SECOND", "0.001"),
        ("AMADEUS_PER_MONTH", "1.5"),
        ("AMADEUS_PER_MONTH", "0"),
        ("AMADEUS_CACHE", "hidden-1"),
        ("AMADEUS_MAX_TTL", "0"),
    ],
)
def test_a_variable_that_cannot_be_read_is_named(name, value):
    """With what is allowed; what was given may be a secret, and is not shown."""
    with pytest.raises(ConfigurationError, match=f"{name}: allowed is") as caught:
        AmadeusSettings.from_env(NEEDED | {name: value})
    assert "hidden-1" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_white_space_around_a_value_is_no_part_of_it():
    """A secret that was read from a file ends with a line break; a blank variable is an empty one."""
    spaced = {name: f" {value}\n" for name, value in NEEDED.items()}
    assert AmadeusSettings.from_env(spaced | {"AMADEUS_TOKEN_URL": " "}) == AmadeusSettings.from_env(NEEDED)
    with pytest.raises(ConfigurationError, match="lacks AMADEUS_CLIENT_ID"):
        AmadeusSettings.from_env(NEEDED | {"AMADEUS_CLIENT_ID": " "})


def test_secrets_are_not_shown():
    """Nor what may be one: the client's id, the token's fields and the headers."""
    hidden = {"AMADEUS_TOKEN_FIELDS": '{"pin": "hidden-1"}', "AMADEUS_HEADERS": '{"key": "hidden-2"}'}
    settings = AmadeusSettings.from_env(NEEDED | hidden | {"AMADEUS_CLIENT_ID": "hidden-3"})
    shown = f"{settings!r} {settings}"
    assert not [secret for secret in ("the-secret", "hidden-1", "hidden-2", "hidden-3") if secret in shown]


def test_a_variable_that_is_nearly_ours_is_refused():
    """A budget that is misspelt would hold nobody back; other names of that prefix are not our business."""
    with pytest.raises(ConfigurationError, match=r"AMADEUS_PERMONTH .* AMADEUS_PER_MONTH"):
        AmadeusSettings.from_env({**NEEDED, "AMADEUS_PERMONTH": "3"})
    AmadeusSettings.from_env({**NEEDED, "AMADEUS_LOG_LEVEL": "debug", "AMADEUS_SSL": "false"})


@pytest.mark.parametrize("name", ["AMADEUS_BASE_URL", "AMADEUS_TOKEN_URL"])
def test_an_address_that_is_none_is_named_by_its_variable(name):
    """The variable is what the reader can change."""
    with pytest.raises(ConfigurationError, match=name):
        AmadeusSettings.from_env({**NEEDED, name: "localhost:80"})
