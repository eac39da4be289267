"""The sandbox grants tokens, lets them expire, revokes them, and tells each case apart."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from support.sandbox import NOW, OFFERS, QUERY, TOKEN, ask_for_token

from cachekit.amadeus.client import AmadeusClient
from cachekit.amadeus.errors import AmadeusAuthError
from cachekit.amadeus.params import FlightSearch
from cachekit.amadeus.sandbox.tokens import Tokens

SEARCH = FlightSearch.from_query(QUERY)


async def test_a_token_is_granted_and_its_state_told(http, server):
    """The document is that of the OAuth endpoint."""
    granted = await ask_for_token(http, server, guest_office_id="NCE1A0000")
    document = granted.json()
    assert granted.headers["Content-Type"] == "application/json"
    assert set(document) == {
        *("type", "username", "application_name", "client_id", "token_type", "access_token"),
        *("expires_in", "state", "scope"),
    }
    assert (document["type"], document["token_type"]) == ("amadeusOAuth2Token", "Bearer")
    assert (document["expires_in"], document["state"]) == (1799, "approved")
    state = await http.get(f"{TOKEN}/{document['access_token']}")
    assert state.json() == document
    unknown = await http.get(f"{TOKEN}/unknown")
    assert (unknown.status_code, unknown.json()["code"]) == (404, 38187)


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "unsupported_grant_type"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": ""}, 401, "invalid_client"),
    ],
)
async def test_token_errors_are_flat(http, server, changes, status, error):
    """They are not the error document of the data paths."""
    reply = await ask_for_token(http, server, **changes)
    assert reply.status_code == status
    assert reply.headers["Content-Type"] == "application/json"
    assert set(reply.json()) == {"error", "error_description", "code", "title"}
    assert reply.json()["error"] == error
    assert (reply.json()["code"], reply.json()["title"]) == (38187, "Invalid parameters")


async def test_a_token_is_asked_for_with_a_form(http, server):
    """The same fields under another type are not read, nor is what is no text."""
    kind = {"Content-Type": "application/x-www-form-urlencoded; charset=nonsense"}
    odd = await http.post(TOKEN, content=b"grant_type=client_credentials&client_id=\xff", headers=kind)
    assert odd.json()["error"] == "invalid_client"
    form = {"grant_type": "client_credentials", "client_id": server.client_id}
    form["client_secret"] = server.client_secret
    for kind in ({"json": form}, {"content": urlencode(form), "headers": {"Content-Type": "text/plain"}}):
        reply = await http.post(TOKEN, **kind)
        assert reply.json()["error"] == "unsupported_grant_type"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({}, 38191),
        ({"Authorization": "Basic x"}, 38191),
        ({"Authorization": "Bearer"}, 38191),
        ({"Authorization": "Bearer x"}, 38190),
    ],
)
async def test_a_search_needs_a_good_token(http, header, code):
    """A missing header and an unknown token are told apart; the form of the search does not matter."""
    reply = await http.get(OFFERS, headers=header)
    assert reply.status_code == 401
    assert reply.json()["errors"][0]["code"] == code


async def test_a_token_ends_with_its_lifetime(let_in, server):
    """Afterwards it is expired, not unknown; its state says the same."""
    token = let_in.headers["Authorization"].removeprefix("Bearer ")
    server.state.offset += timedelta(seconds=1798.5)
    assert (await let_in.get(OFFERS, params=QUERY)).status_code == 200
    assert (await let_in.get(f"{TOKEN}/{token}")).json()["state"] == "approved"
    server.state.offset += timedelta(seconds=0.5)
    reply = await let_in.get(OFFERS, params=QUERY)
    assert reply.json()["errors"][0]["code"] == 38192
    told = (await let_in.get(f"{TOKEN}/{token}")).json()
    assert (told["state"], told["expires_in"]) == ("expired", 0)


async def test_a_revoked_token_is_told_from_an_expired_one(let_in, server):
    """Its own code, and its own state; tokens granted later are good."""
    token = let_in.headers["Authorization"].removeprefix("Bearer ")
    assert server.state.revoke_tokens() == 1
    reply = await let_in.get(OFFERS, params=QUERY)
    issue = reply.json()["errors"][0]
    assert (reply.status_code, issue["code"], issue["title"]) == (401, 38193, "Access token revoked")
    assert (await let_in.get(f"{TOKEN}/{token}")).json()["state"] == "revoked"
    fresh = (await ask_for_token(let_in, server)).json()["access_token"]
    again = await let_in.get(OFFERS, params=QUERY, headers={"Authorization": f"Bearer {fresh}"})
    assert again.status_code == 200


def test_a_sandbox_forgets_its_oldest_tokens():
    """Its memory is bounded."""
    tokens = Tokens(lambda: NOW, 10)
    first = tokens.grant()
    for _ in range(1000):
        last = tokens.grant()
    assert tokens.find(first.value) is None
    assert tokens.find(last.value) == last


async def test_tokens_expired_by_the_knob_are_renewed_by_the_client(server, client):
    """The next search meets 38192, fetches a token and succeeds."""
    await client.search(SEARCH)
    assert server.state.expire_tokens() == 1
    await client.search(SEARCH)
    assert server.stats == {"token": 2, "flight-offers": 3}


async def test_wrong_credentials_are_an_authentication_error(server):
    """Only the sandbox's own are accepted."""
    async with AmadeusClient(server.url, server.client_id, "wrong") as client:
        with pytest.raises(AmadeusAuthError):
            await client.search(SEARCH)
