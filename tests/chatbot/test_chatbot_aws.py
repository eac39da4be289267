"""The gateway with Claude on Bedrock and the archive in DynamoDB, both as servers that speak their wire."""

import asyncio
import os
import secrets
import signal
import sys
from decimal import Decimal

import aiohttp
import pytest
from support.bedrock import ACCESS_KEY, MODEL, REGION, SECRET_KEY, BedrockServer, Refusal, asks, says
from support.rig import DEPARTURE, NOW, QUESTION, TODAY, chatting, settings, token

import cachekit
from cachekit.amadeus.client import AmadeusSettings
from cachekit.amadeus.sandbox import SandboxServer
from chatbot.app import serve
from chatbot.archive import DynamoTable, SessionArchive
from chatbot.errors import SettingsError
from chatbot.sessions import SessionRepository
from chatbot.settings import ArchiveSettings, LimitSettings, ModelSettings

SEARCH = asks(
    "search_flights", {"origin": "GRU", "destination": "LIS", "departure_date": DEPARTURE.isoformat()}
)
PRICES = (Decimal(3), Decimal(15))


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


@pytest.fixture
async def bedrock():
    async with BedrockServer() as server:
        yield server


@pytest.fixture
async def start(redis_url, places, bedrock, moto_url):
    """Starts gateways with the model, the archive and the sandbox."""
    table = f"chat-{secrets.token_hex(4)}"
    async with DynamoTable(table, region=REGION, endpoint_url=moto_url) as made:
        await made.create()
    async with SandboxServer(seed=1, clock=lambda: NOW) as sandbox:

        def make(**changes):
            flights = AmadeusSettings(
                base_url=sandbox.url, client_id=sandbox.client_id, client_secret=sandbox.client_secret
            )
            whole = settings(
                redis_url,
                amadeus=flights,
                model=ModelSettings(id=MODEL, region=REGION, endpoint=bedrock.url, prices=PRICES),
                archive=ArchiveSettings(table=table, region=REGION, endpoint=moto_url),
                **changes,
            )
            return serve(whole, today=lambda: TODAY, places=places)

        yield make


async def test_claude_answers_with_flights_from_the_cache(start, bedrock):
    """The model asks for a search, gets offers as data, and its words and the cards reach the page."""
    bedrock.script(says("Yes"), SEARCH, says("From ", "413 euros."))
    async with start() as url, chatting(url) as ana:
        started = await ana.start()
        assert started["model"] == {"name": MODEL, "offline": False}
        await ana.ask(QUESTION)
        assert ana.text == "From 413 euros."
        assert ana.of("chat:offers")[0]["offers"]
        assert ana.of("chat:done")[0]["stopReason"] == "end_turn"


async def test_what_users_cost_is_counted_and_limited(start, bedrock):
    """Tokens and money in the admins' view, and no more answers once the day's share is used up."""
    bedrock.script(says("Yes"), says("Hello.", read=1_000_000, written=100_000))
    limited = LimitSettings(daily_tokens=1_000)
    headers = {"Authorization": f"Bearer {token('root', roles=['admin'])}"}
    async with (
        start(limits=limited) as url,
        chatting(url) as ana,
        aiohttp.ClientSession(headers=headers) as http,
    ):
        await ana.start()
        await ana.ask("hello")
        while True:
            async with http.get(f"{url}/admin/stats") as reply:
                stats = await reply.json()
            if stats["tokens"]:
                break
            await asyncio.sleep(0.02)
        assert (stats["tokens"], Decimal(stats["cost"])) == (1_100_000, Decimal("4.5"))
        assert (await ana.send("and now?"))["error"]["code"] == "quota"


async def test_a_chat_that_redis_forgot_comes_back_from_the_archive(start, bedrock, redis_url):
    """On another instance, with its title, its messages, and the next question after them."""
    bedrock.script(says("Yes"), says("Hello, Ana."), says("Yes"), says("Still here."))
    async with start() as url, chatting(url) as ana:
        await ana.start()
        await ana.ask("hello there")
        async with cachekit.connect(redis_url) as cache:
            while True:
                backlog = [key async for batch in cache.store.scan("chat_archive:*") for key in batch]
                if not any([await cache.store.execute("XLEN", key.decode()) for key in backlog]):
                    break
                await asyncio.sleep(0.02)
    async with cachekit.connect(redis_url) as cache:
        await cache.store.execute("FLUSHALL")
    async with start() as url, chatting(url) as ana_again:
        (listed,) = (await ana_again.call("chat:list"))["sessions"]
        assert (listed["sessionId"], listed["title"]) == (ana.session_id, "hello there")
        history = (await ana_again.start(ana.session_id))["history"]
        assert [message["text"] for message in history] == ["hello there", "Hello, Ana."]
        await ana_again.ask("still there?")
        history = (await ana_again.start(ana.session_id))["history"]
        assert [message["text"] for message in history[2:]] == ["still there?", "Still here."]


async def test_operators_see_how_far_the_archive_is(start, bedrock, redis_url):
    """Whether it is reached, what waits for it, and what nobody could write."""
    bedrock.script(says("Yes"))
    async with cachekit.connect(redis_url) as cache, start() as url, aiohttp.ClientSession() as http:
        await cache.store.execute("XADD", "chat_archive_dead:{3}", "*", "session", "s", "reason", "too large")
        async with http.get(f"{url}/metrics") as reply:
            text = await reply.text()
    for line in (
        "chatbot_archive_healthy 1.0",
        "chatbot_archive_backlog 0.0",
        "chatbot_archive_dead_letters 1.0",
    ):
        assert f"\n{line}\n" in text


async def test_a_model_that_fails_in_the_middle_is_said_plainly(start, bedrock):
    """What came before stands; the error has a code and a sentence, and nothing of AWS."""
    bedrock.script(says("Yes"), Refusal(400, "ValidationException", "account 123456789012 is no good"))
    async with start() as url, chatting(url) as ana:
        await ana.start()
        await ana.ask("hello")
        (done,) = ana.of("chat:done")
        assert done["stopReason"] == "error"
        assert done["error"]["code"].startswith("model_")
        assert "123456789012" not in str(ana.events)


async def test_a_model_that_will_never_do_ends_the_start(start, bedrock):
    """A wrong id, or rights that were not given: said at once, in AWS' own words."""
    bedrock.script(Refusal(403, "AccessDeniedException", "You don't have access to the model."))
    with pytest.raises(SettingsError, match="access to the model"):
        async with start():
            pytest.fail("a gateway started that could answer nobody")


async def test_without_the_model_people_are_sent_elsewhere(redis_url, places, free_port):
    """Bedrock is out of reach at the start: the instance lives, is not ready, and says why."""
    model = ModelSettings(id=MODEL, region=REGION, endpoint=f"http://127.0.0.1:{free_port}")
    away = settings(redis_url, model=model)
    async with serve(away, today=lambda: TODAY, places=places) as url, aiohttp.ClientSession() as http:
        while (reply := await http.get(f"{url}/health/ready")).status == 503:
            failing = (await reply.json())["failing"]
            if failing == ["model"]:
                break
            assert failing == ["bus", "model"]  # which takes a moment to be heard
        else:
            pytest.fail("ready, without a model")
        async with http.get(f"{url}/health/live") as reply:
            assert reply.status == 200


async def test_a_table_that_is_not_there_ends_the_start(redis_url, places, moto_url):
    """Said at once, and not when the first message waits for it."""
    lost = settings(redis_url, archive=ArchiveSettings(table="nowhere", region=REGION, endpoint=moto_url))
    with pytest.raises(SettingsError, match="'nowhere' cannot be used: ResourceNotFoundException"):
        async with serve(lost, today=lambda: TODAY, places=places):
            pytest.fail("a gateway started whose archive takes nothing")


async def test_a_table_out_of_reach_hinders_nobody(redis_url, places, free_port):
    """Messages wait in Redis until it is there."""
    endpoint = f"http://127.0.0.1:{free_port}"
    away = settings(redis_url, archive=ArchiveSettings(table="chats", region=REGION, endpoint=endpoint))
    async with serve(away, today=lambda: TODAY, places=places) as url, chatting(url) as ana:
        await ana.start()
        await ana.ask("hello")
        assert len((await ana.start(ana.session_id))["history"]) == 2


async def test_the_archiver_runs_alone(redis_url, moto_url, root):
    """`python -m chatbot archive` takes over what gateways have left, and ends when told to."""
    name = f"chat-{secrets.token_hex(4)}"
    environment = {
        **os.environ,
        "REDIS_URL": redis_url,
        "CHATBOT_ARCHIVE_TABLE": name,
        "CHATBOT_ARCHIVE_ENDPOINT": moto_url,
        "AWS_REGION": REGION,
    }
    async with (
        DynamoTable(name, region=REGION, endpoint_url=moto_url) as table,
        cachekit.connect(redis_url) as cache,
    ):
        await table.create()
        archive = SessionArchive(table, cache.clock)
        sessions = SessionRepository(cache, archive=archive)
        session_id = await sessions.begin("ana")
        question = {"message_id": "m", "answer_id": "a", "text": "hello"}
        await sessions.add_question(session_id, "ana", **question, writer="gone")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "chatbot", "archive"), cwd=root, env=environment
        )
        try:
            while (kept := await archive.load(session_id, "ana")) is None or not kept.messages:
                await asyncio.sleep(0.05)
        finally:
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
        assert [message.text for message in kept.messages.values()] == ["hello"]
