"""Instances and Redis killed, stopped and started again while people talk: nothing is lost or doubled."""

import asyncio
import random
import signal
from collections import Counter

from fleet_rig import Lost, until_no_socket

from chatbot.archive.items import messages_of
from chatbot.sessions import session_key

PEOPLE = 24
LEAST = 3
"""Questions that each person asks at least."""


async def upset(fleet, people, choose):
    """Kill two instances and Redis, end one by SIGTERM, stop one past its lease; all come back."""
    troubles = ["kill", "kill", "redis", "end", "stop"]
    choose.shuffle(troubles)
    for trouble in troubles:
        await asyncio.sleep(choose.uniform(0.1, 0.8))  # The moment of the trouble; nothing waits for it.
        gateway = choose.choice(fleet.gateways)
        if trouble == "stop":
            gateway.signal(signal.SIGSTOP)
            # Those who were there have waited for longer than its lease, and gone elsewhere.
            held = [(person, person.line) for person in people if person.at is gateway]
            while any(person.line is line for person, line in held):
                await asyncio.sleep(0.05)
            gateway.signal(signal.SIGCONT)
        elif trouble == "redis":
            fleet.redis.kill()
            fleet.redis.start()
        elif trouble == "end":
            assert await gateway.end(signal.SIGTERM) == 0
            await gateway.start()
        else:
            await gateway.end(signal.SIGKILL)
            await gateway.start()


async def settled(cache, people):
    """All that was said is in the table."""
    for person in people:
        while await cache.store.execute("HGET", session_key(person.session_id), "unsettled") != b"0":
            await asyncio.sleep(0.05)


async def history_of(person):
    """What the person sees after a reload."""
    while True:
        person.drop()
        try:
            await person.connect()
        except Lost:
            continue
        return person.started["history"]


async def test_nothing_is_lost_or_doubled(table, dynamo, fleet, people, cache):
    """Each has seen each answer's events in order; history and table have each question and answer once."""
    choose = random.Random(7)
    await fleet.start(3, drain=0.3, table=table.name, dynamo=dynamo.url)
    everybody = people(PEOPLE, seed=7)

    async def talk(person):
        person.haste = 0.2
        while len(person.asked) < LEAST or not upsetting.done():
            await person.ask()

    upsetting = asyncio.create_task(upset(fleet, everybody, choose))
    async with asyncio.timeout(60):
        await asyncio.gather(upsetting, *(talk(person) for person in everybody))
    resets = Counter()
    for person in everybody:
        for asked in person.asked:
            asked.require_whole()
            resets.update(name for name, _ in asked.events if name == "chat:reset")
        shown = await history_of(person)
        assert [(each["role"], each["text"]) for each in shown] == [*person.expected_history]
        assert [each["answerId"] for each in shown if each["role"] == "assistant"] == [
            asked.answer_id for asked in person.asked
        ]
    assert resets, "some were interrupted"
    assert set().union(*(person.codes for person in everybody)) <= {"draining", "unavailable", "unreachable"}
    async with asyncio.timeout(30):
        await settled(cache, everybody)
    for person in everybody:
        items = await table.query(f"SESSION#{person.session_id}", "MSG#")
        kept = messages_of(items, 0)
        assert [*kept] == list(range(1, 2 * len(person.asked) + 1)) == [*range(1, len(items) + 1)]
        assert [(each.role, each.text) for each in kept.values()] == [*person.expected_history]
    await asyncio.gather(*(person.leave() for person in everybody))
    async with asyncio.timeout(20):
        await until_no_socket(cache)
