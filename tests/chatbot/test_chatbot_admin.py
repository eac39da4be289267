"""Admins' routes: who may use them, what they take, and that every instance hears of it."""

import json
import logging
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.servers import until

import cachekit
from chatbot.admin import MAX_BODY, admin_routes
from chatbot.analytics import Analytics
from chatbot.auth import Identity, Revocations, TokenIssuer, TokenVerifier
from chatbot.bus import Bus, DisconnectUser, Notice, Revoked, UserMessage

pytest_plugins = ["support.server_fixtures"]

SECRET = "a secret for tests, and long enough for any HMAC: sixty-four bytes"
POSTS = ["/admin/notices", "/admin/users/bob/messages", "/admin/users/bob/disconnect", "/admin/revocations"]


class Rig:
    """An instance's admin routes, and what another instance hears."""

    def __init__(self, client, issuer, elsewhere, analytics):
        self.client, self.elsewhere, self.analytics = client, elsewhere, analytics
        self.admin, self.user = issuer.issue("root", roles=("admin",)), issuer.issue("ana")
        self.heard = []

    async def send(self, method, path, body=None, *, token=None, raw=None):
        data = raw if raw is not None else None if body is None else json.dumps(body)
        headers = {"Authorization": f"Bearer {self.admin if token is None else token}"}
        async with self.client.request(method, path, data=data, headers=headers) as reply:
            assert reply.headers["Cache-Control"] == "no-store"
            return reply.status, await reply.json()

    async def post(self, path, body=None, **options):
        return await self.send("POST", path, body, **options)

    async def hears(self, number=1):
        await until(lambda: len(self.heard) >= number, "the other instance hears")
        return self.heard


@pytest.fixture
async def rig(standalone):
    async with (
        cachekit.connect(standalone.url) as cache,
        cachekit.connect(standalone.url) as other,
        Bus(cache, instance="a") as bus,
        Bus(other, instance="b") as listener,
        Revocations(cache) as revocations,
    ):
        verifier = TokenVerifier.with_secret(SECRET)
        analytics = Analytics(cache, instance="a")
        application = web.Application()
        application.add_routes(admin_routes(verifier, revocations, bus, analytics))
        async with TestClient(TestServer(application)) as client:
            rig = Rig(client, TokenIssuer(SECRET, lifetime=600), Revocations(other), analytics)
            for kind in (Notice, UserMessage, DisconnectUser, Revoked):
                listener.on(kind, lambda message, _sender: rig.heard.append(message))
            yield rig


def code(answer):
    status, body = answer
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message"}
    return status, body["error"]["code"]


async def test_a_notice_reaches_the_other_instance(rig):
    """With its text, its level and an id that the admin learns."""
    status, body = await rig.post("/admin/notices", {"text": "Back at noon", "level": "warning"})
    (heard,) = await rig.hears()
    assert status == 202
    assert (heard.id, heard.level, heard.text) == (body["id"], "warning", "Back at noon")
    assert heard.at.endswith("Z")


@pytest.mark.parametrize("user", ["bob", "a/b", "ana@example.com", "Zoë 🛫", "a%2Fb"])
async def test_a_message_reaches_its_user_whatever_they_are_called(rig, user):
    """The id in the path is percent-encoded, and comes out as it was."""
    status, body = await rig.post(f"/admin/users/{quote(user, safe='')}/messages", {"text": "Hello"})
    (heard,) = await rig.hears()
    assert (status, heard.id, heard.user_id, heard.text) == (202, body["id"], user, "Hello")


async def test_a_user_is_disconnected(rig):
    """With a reason, or a plain one."""
    await rig.post("/admin/users/bob/disconnect", {"reason": "Abuse"})
    assert await rig.post("/admin/users/bob/disconnect") == (202, {})
    first, second = await rig.hears(2)
    assert first == DisconnectUser(user_id="bob", reason="Abuse")
    assert second.reason == "Disconnected by an administrator."


async def test_a_token_is_revoked(rig):
    """Kept for those who connect later, and told to those who hold its sockets."""
    assert await rig.post("/admin/revocations", {"tokenId": "t-1"}) == (202, {})
    assert await rig.hears() == [Revoked(token_id="t-1")]
    holder = Identity("ana", expires_at=9e9, issued_at=0, token_id="t-1")
    assert await rig.elsewhere.revoked([holder]) == {holder}


async def test_a_user_is_revoked_and_so_are_revoked_admins(rig):
    """All that was issued so far; an admin whose tokens were revoked is one no more."""
    assert await rig.post("/admin/revocations", {"userId": "root"}) == (202, {})
    (heard,) = await rig.hears()
    assert heard.user_id == "root"
    assert heard.before is not None
    assert code(await rig.post("/admin/notices", {"text": "still here"})) == (401, "token_revoked")


async def test_the_view_is_the_socket_s(rig):
    """The same snapshot, of as many minutes as asked for."""
    rig.analytics.searched("GRU-LIS", cached=True)
    await rig.analytics.flush()
    status, body = await rig.send("GET", "/admin/stats?minutes=3")
    assert (status, body["minutes"], len(body["timeline"]), body["searches"]) == (200, 3, 3, 1)
    assert (await rig.send("GET", "/admin/stats"))[1]["minutes"] == 15
    for minutes in ("0", "61", "many", "1e3", "", "9" * 5_000):
        assert code(await rig.send("GET", f"/admin/stats?minutes={minutes}")) == (400, "invalid_message")


@pytest.mark.parametrize("path", ["/admin/stats", *POSTS])
async def test_only_admins_come_in(rig, path):
    """No token, a wrong one, somebody else's: each is told what is wrong, and nothing happens."""
    method = "GET" if path == "/admin/stats" else "POST"
    assert code(await rig.send(method, path, token="")) == (401, "token_missing")
    assert code(await rig.send(method, path, token="x.y.z")) == (401, "token_invalid")
    assert code(await rig.send(method, path, token=rig.user)) == (403, "forbidden")
    for headers in ({}, {"Authorization": rig.admin}, {"Authorization": f"Basic {rig.admin}"}):
        async with rig.client.request(method, path, headers=headers) as reply:
            assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert rig.heard == []


async def test_the_scheme_may_be_written_as_one_likes(rig):
    """RFC 9110: the name of the scheme is case-insensitive."""
    async with rig.client.get("/admin/stats", headers={"Authorization": f"bEARER  {rig.admin} "}) as reply:
        assert reply.status == 200


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"text": "\\ud800"}',
        b'{"text": "\xff", "reason": "\xff", "tokenId": "\xff"}',
        b'{"text": 1, "reason": 1, "tokenId": 1}',
        b'{"unknown": 1}',
        b"[" * 10_000,
        json.dumps({"text": "x" * 4_001, "reason": "x" * 201, "userId": "x" * 257}).encode(),
        json.dumps({"text": " \n", "reason": "", "tokenId": ""}).encode(),
    ],
    ids=["cut", "list", "null", "bytes", "surrogate", "latin", "types", "unknown", "deep", "long", "blank"],
)
async def test_what_does_not_fit_is_refused(rig, path, raw):
    """With a sentence that names the rule and never the value."""
    status, body = await rig.post(path, raw=raw)
    assert code((status, body)) == (400, "invalid_message")
    assert "xxx" not in body["error"]["message"]
    assert rig.heard == []


@pytest.mark.parametrize("body", [{}, {"tokenId": "t", "userId": "u"}, {"tokenId": None, "userId": None}])
async def test_a_revocation_is_about_one_thing(rig, body):
    """A token or a user, not both and not neither."""
    status, answer = await rig.post("/admin/revocations", body)
    assert code((status, answer)) == (400, "invalid_message")
    assert "exactly one of tokenId and userId" in answer["error"]["message"]


async def test_the_path_has_bounds_as_well(rig):
    """A user's id is 1 to 256 characters; bytes that are no UTF-8 are nobody's id, and harm nobody."""
    url = rig.client.make_url("/").joinpath("admin", "users", "%ff%C3", "disconnect", encoded=True)
    headers = {"Authorization": f"Bearer {rig.admin}"}
    async with rig.client.session.post(url, headers=headers) as reply:
        assert reply.status in {202, 400, 404}
    assert (await rig.post(f"/admin/users/{'u' * 256}/disconnect"))[0] == 202
    assert code(await rig.post(f"/admin/users/{'u' * 257}/disconnect")) == (400, "invalid_message")


async def test_a_huge_body_is_not_read(rig):
    """More than 64 KB is refused."""
    answer = await rig.post("/admin/notices", raw=b" " * (MAX_BODY + 1))
    assert code(answer) == (413, "too_large")


async def test_a_text_as_long_as_allowed_fits_however_it_is_escaped(rig):
    """4,000 characters beyond the basic plane are 8,000 escapes in ASCII JSON."""
    raw = json.dumps({"text": "🛫" * 4_000}).encode()
    assert (await rig.post("/admin/notices", raw=raw))[0] == 202
    raw = json.dumps({"text": "é" * 4_000}, ensure_ascii=False).encode()
    assert (await rig.post("/admin/notices", raw=raw))[0] == 202


async def test_with_redis_away_it_is_unavailable(rig, standalone):
    """The admin is told to try again, and nothing is half done."""
    with standalone.dead():
        for path, body in zip(POSTS, ({"text": "x"}, {"text": "x"}, {}, {"userId": "bob"}), strict=True):
            assert code(await rig.post(path, body)) == (503, "unavailable")
        assert code(await rig.send("GET", "/admin/stats")) == (503, "unavailable")


async def test_who_did_what_is_logged_without_the_words(rig, caplog):
    """The admin and the action; neither the text nor the token."""
    caplog.set_level(logging.INFO)
    await rig.post("/admin/notices", {"text": "quite secret"})
    await rig.send("GET", "/admin/stats")
    assert [record.getMessage() for record in caplog.records if record.name == "chatbot.admin"] == [
        "admin root: notice"
    ]
    assert "quite secret" not in caplog.text
    assert rig.admin not in caplog.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(POSTS[1:]), body=st.dictionaries(st.sampled_from(["text", "x", "userId"]), JSON))
async def test_no_body_breaks_it(rig, path, body):
    """Whatever JSON comes, the answer is yes or a 400."""
    status, _ = await rig.post(path, body)
    assert status in {202, 400}
