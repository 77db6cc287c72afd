"""Servers that hang up, fall silent or talk without end, and hosts that give up: bounded errors, and no thread is left."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from mailport.errors import MailportError, TimedOut, TransportError, Unreachable
from mailport.transport import Receiver
from tests.peers.dialogue import Dialogue, Step
from tests.peers.faults import DISCONNECT, NORMAL, RESET, SILENCE, cut_reply, delay
from tests.peers.scripted_imap import ScriptedImap
from tests.peers.scripted_pop3 import ScriptedPop3
from tests.plugins.smtp.receiving import failure, listed, mail, receiver, scripted, short_timeout

Scripted = ScriptedImap | ScriptedPop3

each_state = pytest.mark.parametrize(
    ("make", "verb", "rung"),
    [
        (ScriptedImap, "GREETING", "greeting"),
        (ScriptedImap, "CAPABILITY", "greeting"),
        (ScriptedImap, "AUTHENTICATE", "authentication"),
        (ScriptedImap, "SELECT", "folder"),
        (ScriptedImap, "UID SEARCH", "read"),
        (ScriptedImap, "UID FETCH", "read"),
        (ScriptedPop3, "GREETING", "greeting"),
        (ScriptedPop3, "CAPA", "greeting"),
        (ScriptedPop3, "AUTH", "authentication"),
        (ScriptedPop3, "LIST", "read"),
        (ScriptedPop3, "UIDL", "read"),
        (ScriptedPop3, "RETR", "read"),
    ],
)
each_reading = pytest.mark.parametrize(("make", "verb"), [(ScriptedImap, "UID FETCH"), (ScriptedPop3, "RETR")])


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("mailport-")] == []


@each_state
@pytest.mark.parametrize("fault", [DISCONNECT, RESET], ids=["disconnect", "reset"])
async def test_a_broken_connection_is_unreachable(make: Any, verb: str, rung: str, fault: Any) -> None:
    """A connection that breaks, wherever it does, is worth another try, and tells at which step it broke."""
    with make({verb: fault}, messages=[mail("One")]) as server:
        error = await failure(scripted(server))
    assert type(error) is Unreachable
    assert error.code in {f"{rung}.cut", "connect.cut"}  # a reset may be quicker than our first look


@each_reading
async def test_a_message_that_is_cut_is_not_taken_for_whole(make: Any, verb: str) -> None:
    """A message of which only a part arrived is an error, however little is missing."""
    whole = mail("One", *["line"] * 100)
    with make(messages=[whole]) as server:
        async with receiver(scripted(server)) as session:
            [delivery], _ = await listed(session)
            server.overrides[verb] = cut_reply(len(whole))
            with pytest.raises(Unreachable):
                await delivery.read()


@each_state
async def test_silence_is_a_timeout(make: Any, verb: str, rung: str) -> None:
    """A server that falls silent, wherever it does, costs no more than the account's timeout."""
    with short_timeout(), make({verb: SILENCE}, messages=[mail("One")]) as server:
        error = await failure(scripted(server))
    assert type(error) is TimedOut
    assert error.code == f"{rung}.timeout"


@each_reading
async def test_a_session_ends_with_a_timeout(make: Any, verb: str) -> None:
    """After a timeout nobody knows what the server still was about to say: the session answers nothing any more."""
    with short_timeout(), make(messages=[mail("One")]) as server:
        async with receiver(scripted(server)) as session:
            [delivery], _ = await listed(session)
            server.overrides[verb] = SILENCE
            with pytest.raises(TimedOut):
                await delivery.read()
            assert not is_alive(session)
            with pytest.raises(Unreachable, match="closed"):
                await delivery.read()


@each_reading
async def test_cancelling_a_read_ends_the_session(make: Any, verb: str) -> None:
    """Who gives up in the middle of a message is free at once, and neither thread nor connection is left."""
    with make(messages=[mail("One")]) as server:
        async with receiver(scripted(server)) as session:
            [delivery], _ = await listed(session)
            server.overrides[verb] = SILENCE
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(delivery.read(), 0.2)
            assert not is_alive(session)
        assert await closed(server)


@pytest.mark.parametrize("make", [ScriptedImap, ScriptedPop3])
async def test_cancelling_the_opening_leaves_nothing(make: Any) -> None:
    """Who gives up while a session is opened leaves no connection behind."""
    with make({"GREETING": SILENCE}) as server:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receiver(scripted(server)).open(), 0.2)
        assert await closed(server)


@pytest.mark.parametrize("make", [ScriptedImap, ScriptedPop3])
async def test_cancelling_the_handshake_leaves_nothing(make: Any) -> None:
    """A TLS handshake with a server that waits for something else can be given up too."""
    with make({"GREETING": SILENCE}) as server:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receiver(scripted(server, use_ssl_tls="SSL")).open(), 0.2)
        assert await closed(server)


@each_reading
async def test_what_waits_is_withdrawn(make: Any, verb: str) -> None:
    """Giving up a call that had not begun leaves the session, and what is under way, as they were."""
    with make(messages=[mail("One"), mail("Two")]) as server:
        async with receiver(scripted(server)) as session:
            found, _ = await listed(session)
            server.overrides[verb] = [delay(0.2)]
            reading = asyncio.ensure_future(found[0].read())
            waiting = asyncio.ensure_future(found[1].read())
            await asyncio.sleep(0.05)
            waiting.cancel()
            assert await reading == mail("One")
            assert await found[1].read() == mail("Two")


async def _endless_lines(dialogue: Dialogue, _: Step) -> None:
    while True:
        await dialogue.reply("* OK " + "x" * 100_000)


async def _endless_listing(dialogue: Dialogue, _: Step) -> None:
    await dialogue.reply("+OK")
    while True:
        await dialogue.reply("1 " + "x" * 100_000)


@pytest.mark.parametrize(
    ("make", "verb", "fault"),
    [
        (ScriptedImap, "UID SEARCH", _endless_lines),
        (ScriptedImap, "UID SEARCH", "* SEARCH " + "1 " * 600_000),
        (ScriptedImap, "UID FETCH", "* 1 FETCH (UID 1 BODY[]<0> {4294967295}"),
        (ScriptedPop3, "UIDL", _endless_listing),
        (ScriptedPop3, "UIDL", "+OK\r\n1 " + "x" * 2_000_000),
    ],
)
async def test_an_endless_answer_is_bounded(make: Any, verb: str, fault: Any) -> None:
    """An answer of any length, announced or sent, ends in an error and not in all of the memory."""  # SEC-07
    with make({verb: fault}, messages=[mail("One")]) as server:
        error = await failure(scripted(server))
    assert type(error) is TransportError
    assert error.code == "read.malformed"


@pytest.mark.parametrize(
    ("make", "verb", "reply", "code"),
    [
        (ScriptedImap, "GREETING", "220 mail.example.test ESMTP", "greeting.malformed"),
        (ScriptedImap, "GREETING", "HTTP/1.1 400 Bad Request", "greeting.malformed"),
        (ScriptedPop3, "GREETING", "* OK ready", "greeting.malformed"),
        (ScriptedPop3, "GREETING", "220 mail.example.test ESMTP", "greeting.malformed"),
        (ScriptedImap, "GREETING", "* BYE not today", "greeting.unavailable"),
        (ScriptedPop3, "GREETING", "-ERR not today", "greeting.unavailable"),
        (ScriptedImap, "UID FETCH", "* 1 FETCH (UID\r\n{tag} OK", "read.malformed"),
        (ScriptedImap, "UID SEARCH", "hello?", "read.malformed"),
        (ScriptedImap, "UID SEARCH", "{tag} BAD what?", "read.refused"),
        (ScriptedImap, "SELECT", "{tag} OK no facts", "folder.uidvalidity"),
        (ScriptedPop3, "LIST", "hello?", "read.malformed"),
        (ScriptedPop3, "RETR", "-ERR no", "read.refused"),
    ],
)
async def test_nonsense_is_told_as_such(make: Any, verb: str, reply: str, code: str) -> None:
    """What is not the protocol, or does not follow it, is an error with a code."""
    with make({verb: reply}, messages=[mail("One")]) as server:
        assert (await failure(scripted(server))).code == code


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        ("{tag} BAD User is authenticated but not connected.", None),
        ("{tag} BAD Request is throttled. Suggested Backoff Time: 92415 milliseconds", 92.415),
        ("{tag} NO [LIMIT] too many commands", None),
    ],
)
async def test_exchange_asks_for_patience(reply: str, seconds: float | None) -> None:
    """Exchange's ways to say "later" are understood, and its time is obeyed to the millisecond."""  # REL-03
    with ScriptedImap({"SELECT": reply}) as server:
        error = await failure(scripted(server))
    assert type(error).__name__ == "Throttled"
    assert error.retry_after == seconds
    assert error.remedy


async def test_a_failing_message_spoils_no_other() -> None:
    """After a refused read the session goes on."""  # QUE-02
    with ScriptedPop3({"RETR": ["-ERR cannot read it", NORMAL]}, messages=[mail("One"), mail("Two")]) as server:
        async with receiver(scripted(server)) as session:
            found, _ = await listed(session)
            with pytest.raises(MailportError):
                await found[0].read()
            assert await found[1].read() == mail("Two")


@pytest.mark.parametrize("make", [ScriptedImap, ScriptedPop3])
async def test_a_closed_session_says_so(make: Any) -> None:
    """Who reads after the session was closed is told that, and a session that is opened again works."""
    with make(messages=[mail("One")]) as server:
        session = receiver(scripted(server))
        for _ in range(2):
            async with session:
                [delivery], _ = await listed(session)
                assert await delivery.read() == mail("One")
            with pytest.raises(Unreachable, match="closed"):
                await delivery.read()


def is_alive(session: Receiver) -> bool:
    """Whether a session says that it can be used."""
    return bool(session.alive)  # type: ignore[attr-defined]


async def closed(server: Scripted) -> bool:
    """Whether the server sees no open connection, now or soon."""
    for _ in range(200):
        if not server.open_connections:
            return True
        await asyncio.sleep(0.005)
    return False
