"""POP3: keys and cursors without order or memory, messages as streams, deletions that count when the session ends."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mailport.errors import NotFound, TransportError, Unreachable, UnsupportedFeature
from mailport.transport import Acknowledgement, Cursor, Delivery
from tests.peers.faults import DISCONNECT, LOSE_REPLY, NORMAL, SILENCE
from tests.peers.scripted_pop3 import Pop3Mail, ScriptedPop3
from tests.plugins.smtp.receiving import (
    ARCHIVE,
    DELETE,
    READ,
    acknowledge_all,
    contents,
    failure,
    listed,
    mail,
    receiver,
    scripted,
    short_timeout,
)

WITHOUT_UIDL = ("TOP", "SASL PLAIN")


async def keys(server: ScriptedPop3, cursor: Cursor = None, limit: int | None = None) -> tuple[list[str], Cursor]:
    """What a round lists, and the cursor behind it."""
    async with receiver(scripted(server)) as session:
        found, after = await listed(session, cursor, limit)
        return [delivery.key for delivery in found], after


async def _no_bytes() -> AsyncIterator[bytes]:
    yield b""


async def test_the_cursor_holds_what_was_seen() -> None:
    """Messages that stay on the server are listed once."""
    with ScriptedPop3(messages=[mail("One"), mail("Two")]) as server:
        first, cursor = await keys(server)
        server.maildrop.append(Pop3Mail("uidl-3", mail("Three")))
        assert first == ["uidl-1", "uidl-2"]
        assert (await keys(server, cursor))[0] == ["uidl-3"]


async def test_the_cursor_shrinks() -> None:
    """What is no longer in the maildrop leaves the cursor, so that it does not grow for ever."""
    with ScriptedPop3(messages=[mail(str(n)) for n in range(3)]) as server:
        _, cursor = await keys(server)
        del server.maildrop[0:2]
        assert await keys(server, cursor) == ([], {"seen": ["uidl-3"]})


async def test_no_order_is_expected() -> None:
    """A server that renumbers its messages hides none and repeats none."""
    with ScriptedPop3(messages=[mail(str(n)) for n in range(3)]) as server:
        _, cursor = await keys(server, limit=1)
        server.maildrop.reverse()
        assert (await keys(server, cursor))[0] == ["uidl-3", "uidl-2"]


async def test_a_delivery_has_no_cursor_of_its_own() -> None:
    """A cursor is given at the end of a round: each of them would hold all the others."""
    with ScriptedPop3(messages=[mail("One")]) as server:
        async with receiver(scripted(server)) as session:
            [delivery], cursor = await listed(session)
    assert delivery.cursor is None
    assert cursor == {"seen": ["uidl-1"]}
    assert delivery.size == len(mail("One"))


async def test_without_uidl_the_header_is_the_key() -> None:
    """A server without UIDL is asked for the headers; what servers write into them themselves does not count."""
    with ScriptedPop3(capabilities=WITHOUT_UIDL, messages=[mail("One"), mail("Two")]) as server:
        first, cursor = await keys(server)
        server.maildrop[0] = Pop3Mail("", b"Status: RO\r\nX-UIDL: 77\r\n" + mail("One"))
        server.maildrop.append(Pop3Mail("", mail("Three")))
        again, _ = await keys(server)
        assert len(set(again)) == 3
        assert again[:2] == first
        assert len((await keys(server, cursor))[0]) == 1


async def test_without_uidl_and_top_nothing_can_be_recognised() -> None:
    """A server that knows neither UIDL nor TOP is refused with the reason."""
    with ScriptedPop3(capabilities=("USER",), messages=[mail("One")]) as server:
        error = await failure(scripted(server))
    assert isinstance(error, UnsupportedFeature)
    assert error.code == "read.keys"


async def test_copies_with_one_uidl_are_one_message() -> None:
    """Identical copies may share their UIDL: one of them is read and deleted at a time."""
    with ScriptedPop3() as server:
        server.maildrop = [Pop3Mail("same", mail("One")), Pop3Mail("same", mail("One")), Pop3Mail("other", mail("Two"))]
        assert (await keys(server))[0] == ["same", "other"]


@pytest.mark.parametrize(
    "content",
    [
        b"Subject: x\r\n\r\n" + b"x" * 3_000_000 + b"\r\n",
        b"Subject: x\r\n\r\n" + b"".join(b"." * n + b"\r\n" for n in range(2000)),
        b"\r\n",
        b".\r\n..\r\n.\r\n",
        b"Subject: x\r\n\r\n" + b"\r\n" * 100_000,
        bytes(range(1, 256)).replace(b"\r", b"").replace(b"\n", b"") * 5000 + b"\r\n",
    ],
    ids=["long line", "dots", "empty", "only dots", "empty lines", "every byte"],
)
async def test_bytes_are_the_servers(content: bytes) -> None:
    """Lines of any length, lone dots and other bytes than ASCII arrive as they were sent."""
    with ScriptedPop3(messages=[content, mail("Next")]) as server:
        assert await contents(scripted(server)) == [content, mail("Next")]


async def test_line_ends_without_cr_are_taken() -> None:
    """A server that stores and sends bare line feeds is read to the end of the message."""
    raw = "+OK\nSubject: One\n\n..dot\nline\n.\n"

    with ScriptedPop3({"RETR": raw.removesuffix("\n")}, messages=[mail("One")]) as server:
        assert await contents(scripted(server)) == [b"Subject: One\n\n.dot\nline\n"]


async def test_two_messages_are_read_at_once() -> None:
    """Whoever reads two messages turn by turn gets both whole, although the protocol sends one after the other."""
    big = [mail(str(n), *[f"line {n}"] * 200_000) for n in range(2)]
    with ScriptedPop3(messages=big) as server:
        async with receiver(scripted(server)) as session:
            found, _ = await listed(session)
            assert await asyncio.gather(*[delivery.read() for delivery in found]) == big


async def test_who_stops_reading_blocks_nobody() -> None:
    """A message that is read to its middle does not keep the session from the next one."""
    with ScriptedPop3(messages=[mail("One", *["line"] * 500_000), mail("Two")]) as server:
        async with receiver(scripted(server)) as session:
            found, _ = await listed(session)
            reading = found[0].chunks()
            begun = await anext(reading)
            assert await found[1].read() == mail("Two")
            assert begun + b"".join([chunk async for chunk in reading]) == server.maildrop[0].content


async def test_an_endless_message_is_not_put_aside() -> None:
    """The rest of a message that never ends does not fill the disk when something else is asked."""  # SEC-07
    endless = b"Subject: x\r\n\r\n" + b"x" * 8_000_000
    with ScriptedPop3({"LIST": "+OK\r\n1 100\r\n2 100\r\n."}, messages=[endless, mail("Two")]) as server:
        async with receiver(scripted(server)) as session:
            found, _ = await listed(session)
            reading = found[0].chunks()
            await anext(reading)
            with pytest.raises(TransportError):
                await found[1].read()
            await reading.aclose()  # type: ignore[attr-defined]


async def test_a_message_that_is_gone() -> None:
    """A message that was deleted in this session is not found."""
    with ScriptedPop3(messages=[mail("One")]) as server:
        async with receiver(scripted(server)) as session:
            found, _ = await listed(session)
            await session.acknowledge(found, DELETE)
            with pytest.raises(NotFound):
                await found[0].read()


# Deleting


async def test_deletions_count_when_the_session_ends() -> None:
    """DELETE is answered when the session was closed, and only then the messages are gone."""
    with ScriptedPop3(messages=[mail("One"), mail("Two")]) as server:
        async with receiver(scripted(server)) as session:
            found, _ = await listed(session)
            for _ in range(2):  # doing it twice is harmless
                assert await session.acknowledge(found[:1], DELETE) == [Acknowledgement(key="uidl-1", done=None)]
            assert len(server.maildrop) == 2
        assert session.settled == (Acknowledgement(key="uidl-1", done=True),)
        assert [stored.uidl for stored in server.maildrop] == ["uidl-2"]


@pytest.mark.parametrize("fault", [DISCONNECT, SILENCE, "-ERR some deleted messages not removed"])
async def test_deletions_that_were_not_committed_are_told(fault: object) -> None:
    """Where the session does not end well, nothing counts as deleted, and the cause is told."""
    with short_timeout(), ScriptedPop3({"QUIT": fault}, messages=[mail("One")]) as server:  # type: ignore[dict-item]
        [answer] = await acknowledge_all(scripted(server), DELETE)
        assert answer.done is False
        assert answer.error is not None
        assert len(server.maildrop) == 1


async def test_a_connection_that_dropped_undoes_deletions() -> None:
    """A session that broke before its end has deleted nothing."""
    with ScriptedPop3({"RETR": DISCONNECT}, messages=[mail("One")]) as server:
        async with receiver(scripted(server)) as session:
            found, _ = await listed(session)
            await session.acknowledge(found, DELETE)
            with pytest.raises((Unreachable, NotFound)):
                await Delivery(key="x", load=found[0].load).read()
        assert len(session.settled) == 1


async def test_an_answer_that_is_lost_promises_nothing() -> None:
    """Where the server deleted and its answer was lost, doing it again is harmless."""
    with ScriptedPop3({"QUIT": [LOSE_REPLY]}, messages=[mail("One")]) as server:
        [lost] = await acknowledge_all(scripted(server), DELETE)
        assert lost.done is False
        async with receiver(scripted(server)) as session:
            assert await session.acknowledge([Delivery(key=lost.key, load=_no_bytes)], DELETE) == [
                Acknowledgement(key=lost.key, done=True)
            ]


async def test_a_refused_deletion_spoils_no_other() -> None:
    """A message that the server does not delete is told; the others are deleted."""  # QUE-02
    with ScriptedPop3({"DELE": ["-ERR locked", NORMAL]}, messages=[mail("One"), mail("Two")]) as server:
        bad, good = await acknowledge_all(scripted(server), DELETE)
        assert bad.done is False
        assert bad.error is not None
        assert good.done is True
        assert [stored.uidl for stored in server.maildrop] == ["uidl-1"]


@pytest.mark.parametrize("action", [READ, ARCHIVE])
async def test_only_leave_and_delete_exist(action: object) -> None:
    """Other actions are refused before anything is sent."""  # INB-19
    with ScriptedPop3(messages=[mail("One")]) as server:
        with pytest.raises(UnsupportedFeature):
            await acknowledge_all(scripted(server), action)  # type: ignore[arg-type]
        assert not any(line.startswith(b"DELE") for line in server.received)
