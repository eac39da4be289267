"""Several instances on one Redis: an answer is followed, resumed, stopped and handed over anywhere."""

import asyncio

import pytest
from answering_rig import END, lapse, require_whole, words

from chatbot.answers import RESERVE
from chatbot.bus import AnswerBegan, SessionDeleted
from chatbot.errors import LimitError, SessionError
from chatbot.models.protocol import TextDelta
from chatbot.sessions import answer_key, session_key


async def crash(instance):
    """What `kill -9` leaves behind: an answer that nobody writes, and a lease that nobody renews."""
    await instance.answers._writings.cancel()


async def history(instance, session_id):
    return await instance.sessions.history(session_id, "ana")


async def test_two_sockets_on_two_instances_see_the_same(start):
    """A question asked at one tab appears with its answer at the other, which another instance holds."""
    one, two = await start("one", words("Hel", "lo")), await start("two")
    session_id = await one.sessions.begin("ana")
    here, there = one.socket("tab1", session_id), two.socket("tab2", session_id)
    await one.ask(session_id)
    await there.until("chat:done")
    require_whole(there.events)
    assert here.events == there.events


async def test_an_answer_is_stopped_from_another_instance(start):
    """What was written stays, and both tabs hear the end."""
    one, two = await start("one", [TextDelta("Half"), asyncio.Event(), END]), await start("two")
    session_id = await one.sessions.begin("ana")
    here, there = one.socket("tab1", session_id), two.socket("tab2", session_id)
    answer_id = await one.ask(session_id)
    await there.until("chat:delta")
    assert await two.answers.stop(session_id, "ana", answer_id)
    await there.until("chat:done")
    assert here.events == there.events
    assert (there.done["stopReason"], there.text) == ("stopped", "Half")
    assert [each.text for each in await history(two, session_id)] == ["hi", "Half"]
    assert not await two.answers.stop(session_id, "ana", answer_id)


async def test_an_answer_is_resumed_from_every_event_at_every_instance(start):
    """In the middle, right at the end and past it: what comes is exactly what was missing."""
    gate = asyncio.Event()
    one = await start("one", [TextDelta("a"), 0.06, TextDelta("b"), gate, *words("c")])
    two = await start("two")
    session_id = await one.sessions.begin("ana")
    whole = one.socket("whole", session_id)
    answer_id = await one.ask(session_id)
    await whole.until("chat:delta", text="b")
    middle = []
    for instance in (one, two):
        for after in range(4):
            socket = instance.socket(f"m{after}", session_id)
            middle.append((socket, after))
            assert await instance.resume(session_id, answer_id, socket.sid, after=after)
    gate.set()
    await whole.until("chat:done")
    for socket, after in middle:
        await socket.until("chat:done")
        assert socket.events == whole.events[after:]
    for instance in (one, two):
        for after in range(whole.last + 2):
            socket = instance.socket(f"e{after}", session_id)
            assert await instance.resume(session_id, answer_id, socket.sid, after=after)
            assert socket.events == whole.events[after:]


async def test_what_has_expired_or_never_was_is_not_found(start):
    """The history has an answer whose log is gone; an id of another session's answer is no id here."""
    one, two = await start("one", words("a"), words("b")), await start("two", retention=5)
    session_id, other_id = await one.sessions.begin("ana"), await one.sessions.begin("ana")
    socket = one.socket("tab", session_id)
    answer_id = await one.ask(session_id)
    await socket.until("chat:done")
    await one.idle()
    two.socket("tab2", other_id)
    two.socket("tab3", session_id)
    assert not await two.resume(other_id, answer_id, "tab2")
    assert not await two.resume(session_id, "unheard-of", "tab3")
    await one.cache.store.execute("PEXPIRE", answer_key(session_id, answer_id), 1)
    while await one.cache.store.execute("EXISTS", answer_key(session_id, answer_id)):
        await asyncio.sleep(0.002)
    for instance in (one, two):
        instance.socket("late", session_id)
        assert not await instance.resume(session_id, answer_id, "late")
        assert instance.sockets["late"].events == []


async def test_an_answer_of_another_session_in_the_same_partition_is_not_found(start):
    """The log says whose it is: nobody reads it by knowing its id."""
    one, two = await start("one", words("secret")), await start("two")
    session_id = await one.sessions.begin("ana")
    answer_id = await one.ask(session_id)
    await one.idle()
    foreign = await two.sessions.begin("ana")
    while answer_key(foreign, "a") != answer_key(session_id, "a"):
        foreign = await two.sessions.begin("ana")
    two.socket("tab", foreign)
    assert not await two.resume(foreign, answer_id, "tab")
    assert two.sockets["tab"].events == []


async def test_logs_expire(start):
    """A log does not outlive its answer by more than the retention."""
    one = await start("one", words("a"), retention=7)
    session_id = await one.sessions.begin("ana")
    answer_id = await one.ask(session_id)
    await one.idle()
    assert 0 < await one.cache.store.execute("TTL", answer_key(session_id, answer_id)) <= 7


async def test_a_dead_writer_is_succeeded_where_somebody_waits(start):
    """The tab at the other instance gets a reset and the whole answer; the question is answered once."""
    one = await start("one", [TextDelta("Half of the old"), asyncio.Event()])
    two = await start("two", words("The new answer"))
    session_id = await one.sessions.begin("ana")
    there = two.socket("tab2", session_id)
    await one.ask(session_id)
    await there.until("chat:delta")
    await crash(one)
    await there.until("chat:done")
    require_whole(there.events)
    assert (there.names.count("chat:reset"), there.text) == (1, "The new answer")
    assert [each.text for each in await history(two, session_id)] == ["hi", "The new answer"]


async def test_who_comes_back_after_a_crash_finds_the_answer_begun_anew(start):
    """Nobody waited anywhere; the reader starts the chat at another instance and resumes where he was."""
    one = await start("one", [TextDelta("Half of the old"), asyncio.Event()])
    two = await start("two", words("The new answer"))
    session_id = await one.sessions.begin("ana")
    here = one.socket("tab1", session_id)
    answer_id = await one.ask(session_id)
    await here.until("chat:delta")
    assert await two.answers.come_back(session_id, "ana") == answer_id
    assert two.answers.writing == 0, "a living writer is left alone"
    await crash(one)
    await lapse(two, session_id)
    there = two.socket("tab2", session_id)
    assert await two.answers.come_back(session_id, "ana") == answer_id
    assert await two.resume(session_id, answer_id, "tab2", after=here.last)
    await there.until("chat:done")
    require_whole(here.events + there.events)
    assert there.events[0] == ("chat:reset", {"answerId": answer_id, "seq": here.last + RESERVE})
    assert [each.text for each in await history(two, session_id)] == ["hi", "The new answer"]


async def test_many_who_come_back_at_once_begin_it_once(start):
    """Whoever is first takes over; all others follow him."""
    one = await start("one", [asyncio.Event()])
    others = [await start(f"n{n}", words("new")) for n in range(3)]
    session_id = await one.sessions.begin("ana")
    answer_id = await one.ask(session_id)
    await crash(one)
    await lapse(one, session_id)
    coming = [each.answers.come_back(session_id, "ana") for each in others for _ in range(4)]
    assert set(await asyncio.gather(*coming)) == {answer_id}
    for each in others:
        socket = each.socket("tab", session_id)
        await each.resume(session_id, answer_id, "tab")
        await socket.until("chat:done")
        require_whole(socket.events)
    assert sum(len(each.model.requests) for each in others) == 1


async def test_a_question_asked_again_after_a_crash_is_begun_anew_at_once(start):
    """The client that never heard the acknowledgement sends its question to another instance."""
    one, two = await start("one", [asyncio.Event()]), await start("two", words("new"))
    session_id = await one.sessions.begin("ana")
    answer_id = await one.ask(session_id)
    await crash(one)
    await lapse(one, session_id)
    there = two.socket("tab", session_id)
    assert await two.ask(session_id) == answer_id
    assert await two.resume(session_id, answer_id, "tab")
    await there.until("chat:done")
    require_whole(there.events)
    assert there.of("chat:question")[0]["text"] == "hi"


async def test_a_question_whose_reply_was_lost_is_answered_here_when_it_is_asked_again(start):
    """Redis has made this instance the writer, and it never heard of that: it begins all the same."""
    one = await start("one", words("answer"))
    session_id = await one.sessions.begin("ana")
    taken = await one.sessions.add_question(
        session_id, "ana", message_id="m1", answer_id="lost", text="hi", writer="one"
    )
    socket = one.socket("tab", session_id)
    assert await one.ask(session_id) == taken.answer_id == "lost"
    assert await one.resume(session_id, "lost", "tab")
    await socket.until("chat:done")
    require_whole(socket.events)


async def test_who_comes_back_while_a_question_is_being_taken_begins_nothing(start, monkeypatch):
    """Redis has the question and this instance does not know it yet: it is answered once."""
    one, taken, told = await start("one", words("once")), asyncio.Event(), asyncio.Event()
    session_id = await one.sessions.begin("ana")
    add_question = one.sessions.add_question

    async def slow(*arguments, **options):
        outcome = await add_question(*arguments, **options)
        taken.set()
        await told.wait()
        return outcome

    monkeypatch.setattr(one.sessions, "add_question", slow)
    asking = asyncio.create_task(one.ask(session_id))
    await taken.wait()
    coming_back = asyncio.create_task(one.answers.come_back(session_id, "ana"))
    for _ in range(20):
        await one.cache.store.ping()  # Time enough for what it would ask Redis.
    told.set()
    assert await asking == await coming_back
    await one.idle()
    assert len(one.model.requests) == 1
    assert [what for what in one.noted.heard if what == ("began",)] == [("began",)]


async def test_a_stop_that_no_writer_hears_holds_for_his_successor(start):
    """Stopped while the writer is dead and his lease not over: what he had logged is kept, as stopped."""
    one = await start("one", [TextDelta("Half of it"), asyncio.Event()])
    two = await start("two", words("never asked for"))
    session_id = await one.sessions.begin("ana")
    there = two.socket("tab2", session_id)
    answer_id = await one.ask(session_id)
    await there.until("chat:delta")
    await crash(one)
    assert await two.answers.stop(session_id, "ana", answer_id)
    await there.until("chat:done")
    require_whole(there.events)
    assert (there.done["stopReason"], there.text) == ("stopped", "Half of it")
    assert [each.text for each in await history(two, session_id)] == ["hi", "Half of it"]
    assert two.model.requests == []


async def test_an_answer_whose_writer_is_long_gone_can_be_stopped(start):
    """Nobody is at it any more: whoever is asked to stop it ends it."""
    one = await start("one", [TextDelta("Half of it"), asyncio.Event()])
    two = await start("two")
    session_id = await one.sessions.begin("ana")
    here = one.socket("tab", session_id)
    answer_id = await one.ask(session_id)
    await here.until("chat:delta")
    one.drop("tab")
    await crash(one)
    await lapse(two, session_id)
    assert await two.answers.stop(session_id, "ana", answer_id)
    await two.idle()
    assert [each.text for each in await history(two, session_id)] == ["hi", "Half of it"]


async def test_a_writer_killed_between_keeping_and_announcing_owes_nobody_the_end(start):
    """The answer is in the session, its end is not in the log: those who follow get it all the same."""
    gate = asyncio.Event()
    one, two = await start("one", [TextDelta("All of it"), gate, END]), await start("two")
    session_id = await one.sessions.begin("ana")
    there = two.socket("tab2", session_id)
    answer_id = await one.ask(session_id)
    await there.until("chat:delta")
    await crash(one)
    kept = {"text": "All of it", "offers": [], "turns": [], "writer": "one", "stop_reason": "max_tokens"}
    assert await one.sessions.add_answer(session_id, "ana", answer_id=answer_id, **kept)
    await there.until("chat:done")
    require_whole(there.events)
    assert there.done["stopReason"] == "max_tokens"
    late = one.socket("late", session_id)
    assert await one.resume(session_id, answer_id, "late")
    assert late.events == there.events


async def test_an_answer_given_up_for_a_later_question_is_told_to_be_lost(start):
    """Its writer died and the user asked something else: who still waits is not left waiting.

    Nor is who has seen events of it that were never logged.
    """
    one, two = await start("one", [TextDelta("Half"), asyncio.Event()]), await start("two", words("later"))
    three = await start("three", check_every=0.3)
    session_id = await one.sessions.begin("ana")
    waiting = three.socket("waiting", session_id)
    answer_id = await one.ask(session_id)
    await waiting.until("chat:delta")
    ahead = three.socket("ahead", session_id)
    assert await three.resume(session_id, answer_id, "ahead", after=7)
    await crash(one)
    await lapse(one, session_id)
    await two.ask(session_id, "m2")
    await two.idle()
    while len(waiting.of("chat:done")) < 2:
        waiting.news.clear()
        await waiting.news.wait()
    ends = {payload["answerId"]: payload for payload in waiting.of("chat:done")}
    assert ends[answer_id]["error"]["code"] == "unavailable"
    assert [each["seq"] for each in ahead.of("chat:done") if each["answerId"] == answer_id] == [8]


async def test_draining_waits_for_answers_and_takes_no_more(start):
    """What is being written ends as if nothing were; a new question is told to go elsewhere."""
    gate = asyncio.Event()
    one = await start("one", [TextDelta("Hel"), gate, *words("lo")])
    session_id, other_id = await one.sessions.begin("ana"), await one.sessions.begin("ana")
    socket = one.socket("tab", session_id)
    await one.ask(session_id)
    await one.model.waiting.wait()
    draining = asyncio.create_task(one.answers.drain(60))
    await asyncio.sleep(0)
    with pytest.raises(LimitError) as refused:
        await one.ask(other_id)
    assert refused.value.code == "draining"
    assert await history(one, other_id) == []
    gate.set()
    await draining
    assert (socket.text, socket.done["stopReason"]) == ("Hello", "end_turn")


async def test_answers_that_do_not_end_in_time_are_handed_over(start):
    """The drained instance keeps nothing of them; another, at which somebody waits, begins them anew."""
    one = await start("one", [TextDelta("Half of the old"), asyncio.Event()])
    two = await start("two", words("The new answer"))
    session_id = await one.sessions.begin("ana")
    here, there = one.socket("tab1", session_id), two.socket("tab2", session_id)
    await one.ask(session_id)
    await there.until("chat:delta")
    await one.answers.drain(0)
    assert (await two.sessions.answering(session_id, "ana")).writer in {None, "two"}, "no lease to wait for"
    await there.until("chat:done")
    require_whole(there.events)
    assert there.text == "The new answer"
    assert here.of("chat:done") == []
    assert one.noted.endings == ["released"]
    assert [each.text for each in await history(two, session_id)] == ["hi", "The new answer"]


async def test_a_draining_instance_takes_nothing_over(start):
    """Who comes back to it is told which answer waits, and it stays free for another instance.

    Also where the one that left it had still had something to write.
    """
    one, two = await start("one", [TextDelta("Half"), asyncio.Event()]), await start("two", words("never"))
    session_id = await one.sessions.begin("ana")
    answer_id = await one.ask(session_id)
    await one.model.waiting.wait()
    await one.answers.drain(0)
    await two.answers.drain(0)
    assert await two.answers.come_back(session_id, "ana") == answer_id
    assert (await two.sessions.answering(session_id, "ana")).writer is None
    assert two.model.requests == []


async def test_a_deleted_session_ends_its_answers_everywhere_without_a_word(start):
    """Nothing is sent, kept or logged any more, wherever it is written or followed."""
    one, two = await start("one", [TextDelta("Half"), asyncio.Event()]), await start("two")
    session_id = await one.sessions.begin("ana")
    here, there = one.socket("tab1", session_id), two.socket("tab2", session_id)
    answer_id = await one.ask(session_id)
    await there.until("chat:delta")
    heard = asyncio.Event()

    async def forget(message, _sender):
        for each in (one, two):
            await each.answers.forget(message.session_id, message.answer_ids)
        heard.set()

    one.bus.on(SessionDeleted, forget)
    answer_ids = await two.sessions.delete(session_id, "ana")
    await two.bus.publish(SessionDeleted(session_id=session_id, user_id="ana", answer_ids=tuple(answer_ids)))
    await heard.wait()
    await one.idle()
    assert (here.names, there.names) == (["chat:question", "chat:delta"],) * 2
    assert one.noted.endings == ["forgotten"]
    keys = (session_key(session_id), answer_key(session_id, answer_id))
    assert await one.cache.store.execute("EXISTS", keys[0]) == 0
    assert await one.cache.store.execute("EXISTS", keys[1]) == 0
    with pytest.raises(SessionError):
        await one.ask(session_id, "m2")


async def test_news_of_an_answer_that_come_late_repeat_nothing(start):
    """The bus was slow: the tab has resumed the answer and seen its end when it is told that it began."""
    one, two = await start("one", words("Hello")), await start("two")
    session_id = await one.sessions.begin("ana")
    answer_id = await one.ask(session_id)
    await one.idle()
    there = two.socket("tab2", session_id)
    assert await two.resume(session_id, answer_id, "tab2")
    seen, heard = list(there.events), asyncio.Event()
    two.bus.on(AnswerBegan, lambda *_: heard.set())
    await one.bus.publish(AnswerBegan(session_id=session_id, answer_id=answer_id, user_id="ana"))
    await heard.wait()
    other = two.socket("other", session_id)
    assert await two.resume(session_id, answer_id, "other")
    await other.until("chat:done")
    assert (there.events, other.events) == (seen, seen)


async def test_a_socket_that_starts_again_gets_everything_again(start):
    """The page was reloaded within its connection: it asks for the answer from the beginning."""
    gate = asyncio.Event()
    one = await start("one", [TextDelta("Hel"), gate, *words("lo")])
    session_id = await one.sessions.begin("ana")
    before = one.socket("tab", session_id)
    answer_id = await one.ask(session_id)
    await before.until("chat:delta")
    after = one.socket("tab", session_id)
    assert await one.resume(session_id, answer_id, "tab")
    gate.set()
    await after.until("chat:done")
    require_whole(after.events)


async def test_nothing_is_followed_that_nobody_here_waits_for(start):
    """The last socket left: the instance reads the log no longer, and knows the answer no more."""
    one, two = await start("one", [TextDelta("Half"), asyncio.Event()]), await start("two")
    session_id = await one.sessions.begin("ana")
    there = two.socket("tab2", session_id)
    await one.ask(session_id)
    await there.until("chat:delta")
    assert (len(two.answers._follower), len(two.answers._feeds)) == (1, 1)
    two.drop("tab2")
    assert (len(two.answers._follower), len(two.answers._feeds)) == (0, 0)


async def test_a_socket_that_went_while_it_resumed_follows_nothing(start):
    """Its disconnect came between the question to Redis and the reply."""
    one, two = await start("one", [TextDelta("Half"), asyncio.Event()]), await start("two")
    session_id = await one.sessions.begin("ana")
    answer_id = await one.ask(session_id)
    two.socket("tab2", session_id)
    resuming = asyncio.create_task(two.resume(session_id, answer_id, "tab2"))
    await asyncio.sleep(0)
    two.drop("tab2")
    assert not await resuming
    assert (len(two.answers._follower), len(two.answers._feeds)) == (0, 0)
