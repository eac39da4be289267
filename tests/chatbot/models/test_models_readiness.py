"""Whether the model can be used: looked at before users are let in, and again until it can."""

import asyncio

import pytest

from chatbot.errors import ModelError, SettingsError
from chatbot.models.readiness import Readiness


class Probe:
    """Fails so often, then succeeds."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.calls = 0
        self.done = asyncio.Event()

    async def __call__(self):
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        self.done.set()


async def test_a_model_that_answers_is_ready_at_once():
    """And is not asked again."""
    probe = Probe()
    async with Readiness(probe, again=0) as readiness:
        assert readiness.ready
    assert probe.calls == 1


async def test_a_model_that_cannot_be_reached_is_asked_again_until_it_answers():
    """Beside everything else: entering does not wait for it."""
    probe = Probe(ModelError("away"), ModelError("away"), ModelError("away"))
    async with Readiness(probe, again=0) as readiness:
        assert not readiness.ready
        await probe.done.wait()
        await asyncio.sleep(0)
        assert readiness.ready
    assert probe.calls == 4


async def test_a_model_that_will_never_do_is_told_at_once():
    """The operator has to change something."""
    with pytest.raises(SettingsError, match="no such model"):
        async with Readiness(Probe(SettingsError("no such model"))):
            pytest.fail("entered")


async def test_a_setting_found_wrong_only_later_breaks_nothing():
    """It is said in the log, and asked again: rights may still be given."""
    probe = Probe(ModelError("away"), SettingsError("no such model"), ModelError("away"))
    async with Readiness(probe, again=0) as readiness:
        await probe.done.wait()
        await asyncio.sleep(0)
        assert readiness.ready
