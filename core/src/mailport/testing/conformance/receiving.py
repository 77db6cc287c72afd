"""The cases of a receiver."""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mailport.errors import ConfigurationError, NotFound, TimedOut, UnsupportedFeature
from mailport.fields import Direction
from mailport.message import Message
from mailport.testing.conformance import sessions
from mailport.testing.conformance.checks import outcome, within
from mailport.testing.conformance.harness import Feature, ReceiverHarness, Stored, needs
from mailport.testing.messages import incoming
from mailport.transport import Acknowledgement, Action, ActionKind, Cursor, Delivery, Receiver

__all__ = ["ReceiverConformance"]

LEAVE, READ, DELETE = (Action(kind) for kind in (ActionKind.LEAVE, ActionKind.MARK_READ, ActionKind.DELETE))
ARCHIVE = Action(ActionKind.MOVE, "Archive")
LARGEST_CHUNK = 1 << 20


@pytest.mark.asyncio
class ReceiverConformance:
    """Subclass it and define a fixture ``harness`` that gives a ``ReceiverHarness``."""

    # Listing

    async def test_everything_is_listed_once(self, harness: ReceiverHarness) -> None:
        """A first round lists every message once, each with a key of its own."""
        await _fill(harness, 5)
        subjects, keys, _ = await _round(harness)
        assert sorted(subjects) == [f"No. {n}" for n in range(5)]
        assert len(set(keys)) == 5

    async def test_keys_are_stable(self, harness: ReceiverHarness) -> None:
        """A message keeps its key in every later session, whatever comes or was read meanwhile."""
        await _fill(harness, 3)
        before = dict(zip(*(await _round(harness))[:2], strict=True))
        if harness.protocol.capabilities.mark_read:
            await _acknowledge_all(harness, READ)
        await harness.deliver(incoming("Later"))
        after = dict(zip(*(await _round(harness))[:2], strict=True))
        assert {subject: after.get(subject) for subject in before} == before

    async def test_order_is_stable(self, harness: ReceiverHarness) -> None:
        """Two rounds from the same cursor list the same messages in the same order."""
        await _fill(harness, 5)
        assert (await _round(harness))[1] == (await _round(harness))[1]

    async def test_an_empty_mailbox_gives_a_cursor(self, harness: ReceiverHarness) -> None:
        """An empty mailbox lists nothing, and the cursor after it brings what comes later."""
        subjects, _, cursor = await _round(harness)
        assert subjects == []
        await harness.deliver(incoming("First"))
        assert (await _round(harness, cursor))[0] == ["First"]

    async def test_limit_bounds_a_round(self, harness: ReceiverHarness) -> None:
        """A round lists at most ``limit`` messages; rounds one after another list all, none twice."""
        await _fill(harness, 5)
        cursor: Cursor = None
        seen: list[str] = []
        for _ in range(3):
            subjects, _, cursor = await _round(harness, cursor, limit=2)
            assert len(subjects) <= 2
            seen += subjects
        assert sorted(seen) == [f"No. {n}" for n in range(5)]

    async def test_facts_are_plausible(self, harness: ReceiverHarness) -> None:
        """A size is near the real one, a time has a time zone."""
        raw = incoming(size=50_000)
        await harness.deliver(raw)
        async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
            [delivery] = [delivery async for delivery in deliveries]
        assert delivery.size is None or len(raw) * 0.8 < delivery.size < len(raw) * 1.2
        assert delivery.received_at is None or delivery.received_at.tzinfo is not None

    # Cursors

    async def test_a_cursor_goes_on_where_it_stood(self, harness: ReceiverHarness) -> None:
        """The cursor at the end of a round brings what came later, and nothing twice."""
        await _fill(harness, 3)
        _, _, cursor = await _round(harness)
        assert (await _round(harness, cursor))[0] == []
        await _fill(harness, 2, prefix="Later")
        subjects, _, cursor = await _round(harness, cursor)
        assert sorted(subjects) == ["Later 0", "Later 1"]
        assert (await _round(harness, cursor))[0] == []

    async def test_a_broken_round_loses_nothing(self, harness: ReceiverHarness) -> None:
        """Who stops in mid-round and goes on from the last cursor that came with a stored message misses none."""
        await _fill(harness, 6)
        cursor: Cursor = None
        stored: set[str] = set()
        async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
            async for delivery in deliveries:
                stored.add(await _subject(delivery))
                cursor = delivery.cursor if delivery.cursor is not None else cursor
                if len(stored) == 3:
                    break
        stored |= set((await _round(harness, _stored_by_host(cursor)))[0])
        assert stored == {f"No. {n}" for n in range(6)}

    @needs(Feature.CURSOR_PER_DELIVERY)
    async def test_each_cursor_goes_on_after_its_message(self, harness: ReceiverHarness) -> None:
        """The cursor of each delivery brings those after it and none of those before."""
        await _fill(harness, 5)
        async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
            listed = [delivery async for delivery in deliveries]
        for position, delivery in enumerate(listed, start=1):
            assert delivery.cursor is not None
            _, keys, _ = await _round(harness, _stored_by_host(delivery.cursor))
            assert keys == [later.key for later in listed[position:]]

    async def test_the_end_of_a_round_comes_last(self, harness: ReceiverHarness) -> None:
        """The stream has no cursor before its end: it would pass messages that nobody stored."""
        await _fill(harness, 3)
        async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
            async for _ in deliveries:
                assert deliveries.cursor is None
            assert deliveries.cursor is not None

    async def test_what_was_dealt_with_disturbs_no_cursor(self, harness: ReceiverHarness) -> None:
        """Messages deleted or moved away after a round neither hide nor repeat others in the next."""
        await _fill(harness, 4)
        _, _, cursor = await _round(harness)
        await _acknowledge_all(harness, DELETE)
        await _fill(harness, 2, prefix="Later")
        assert sorted((await _round(harness, cursor))[0]) == ["Later 0", "Later 1"]

    @needs(Feature.FORGOTTEN_CURSORS)
    async def test_a_forgotten_cursor_is_not_found(self, harness: ReceiverHarness) -> None:
        """A cursor that the server no longer knows is ``NotFound``; without a cursor everything is listed again."""
        await _fill(harness, 2)
        _, _, cursor = await _round(harness)
        harness.forget_cursors()
        await _cursor_is_refused(harness, cursor)
        assert len((await _round(harness))[0]) == 2

    @pytest.mark.parametrize("foreign", [{"of": "another protocol"}, "no cursor of yours", [{}]], ids=repr)
    async def test_a_foreign_cursor_is_not_found(self, harness: ReceiverHarness, foreign: Cursor) -> None:
        """A cursor of another protocol, left from before the account changed, is ``NotFound`` as well."""
        await _cursor_is_refused(harness, foreign)

    # Bytes

    @needs(Feature.UNCHANGED_READ)
    async def test_bytes_are_the_servers(self, harness: ReceiverHarness) -> None:
        """A message is read as the bytes that lie in the mailbox."""
        raw = incoming("Bytes", size=2000)
        await harness.deliver(raw)
        async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
            [read] = [await delivery.read() async for delivery in deliveries]
        assert read == raw

    async def test_bytes_come_in_chunks(self, harness: ReceiverHarness) -> None:
        """``read``, ``chunks`` and ``save`` give the same bytes, in pieces of at most 1 MB."""
        await harness.deliver(incoming("Big", size=3_000_000))
        async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
            [delivery] = [delivery async for delivery in deliveries]
            chunks = [chunk async for chunk in delivery.chunks()]
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "message.eml"
                size = await delivery.save(path)
                saved = path.read_bytes()
            assert b"".join(chunks) == saved == await delivery.read()
        assert size == len(saved) > 3_000_000
        assert max(map(len, chunks)) <= LARGEST_CHUNK

    async def test_bytes_come_in_any_order(self, harness: ReceiverHarness) -> None:
        """While the receiver is open, listed messages can be read in any order, and again."""
        await _fill(harness, 4)
        async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
            listed = [delivery async for delivery in deliveries]
            backwards = [await _subject(delivery) for delivery in reversed(listed)]
            forwards = [await _subject(delivery) for delivery in listed]
        assert sorted(forwards) == [f"No. {n}" for n in range(4)]
        assert forwards == backwards[::-1]

    async def test_reading_leaves_no_mark(self, harness: ReceiverHarness) -> None:
        """Reading a message neither marks it as read nor moves it."""
        await _fill(harness, 2)
        before = await harness.stored()
        await _round(harness)
        assert await harness.stored() == before

    @needs(Feature.REMOVAL)
    async def test_reading_what_is_gone_is_not_found(self, harness: ReceiverHarness) -> None:
        """A message that vanished after it was listed is ``NotFound`` when it is read."""
        await _fill(harness, 1)
        async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
            [delivery] = [delivery async for delivery in deliveries]
            await harness.remove_all()
            error = await outcome(delivery.read(), harness.patience)
        assert isinstance(error, NotFound), repr(error)

    # Acknowledging

    async def test_leave_leaves_everything(self, harness: ReceiverHarness) -> None:
        """LEAVE changes nothing and says that it is done."""
        await _fill(harness, 2)
        before = await harness.stored()
        assert all(answer.done for answer in await _acknowledge_all(harness, LEAVE))
        assert await harness.stored() == before

    async def test_delete_removes(self, harness: ReceiverHarness) -> None:
        """DELETE removes those messages and no others."""
        await _fill(harness, 3)
        answers = await _acknowledge_all(harness, DELETE, but="No. 1")
        assert [answer.done for answer in answers] == [True, True]
        assert _subjects(await harness.stored()) == ["No. 1"]

    async def test_mark_read_marks(self, harness: ReceiverHarness) -> None:
        """MARK_READ marks those messages and no others, and keeps them where they are."""
        _must_be_able(harness, "mark_read")
        await _fill(harness, 3)
        answers = await _acknowledge_all(harness, READ, but="No. 1")
        assert [answer.done for answer in answers] == [True, True]
        stored = await harness.stored()
        assert {_subject_of(mail.raw): mail.seen for mail in stored} == {"No. 0": True, "No. 1": False, "No. 2": True}

    async def test_flags_tell_what_was_read(self, harness: ReceiverHarness) -> None:
        r"""A message that was marked as read is listed with IMAP's flag ``\Seen``, another one is not."""
        _must_be_able(harness, "mark_read")
        await _fill(harness, 2)
        await _acknowledge_all(harness, READ, but="No. 1")
        async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
            seen = {await _subject(delivery): "\\Seen" in delivery.flags async for delivery in deliveries}
        assert seen == {"No. 0": True, "No. 1": False}

    async def test_move_moves(self, harness: ReceiverHarness) -> None:
        """MOVE puts those messages, unchanged, into a folder that is created when missing."""
        _must_be_able(harness, "folders")
        await _fill(harness, 3)
        before = {mail.raw for mail in await harness.stored()}
        answers = await _acknowledge_all(harness, ARCHIVE, but="No. 1")
        assert [answer.done for answer in answers] == [True, True]
        left, moved = await harness.stored(), await harness.stored("Archive")
        assert _subjects(left) == ["No. 1"]
        assert _subjects(moved) == ["No. 0", "No. 2"]
        assert {mail.raw for mail in (*left, *moved)} == before

    @needs(Feature.NEW_KEYS)
    async def test_a_new_key_is_the_key_there(self, harness: ReceiverHarness) -> None:
        """``new_key`` after MOVE is the key under which the message is listed in the other folder."""
        _must_be_able(harness, "folders")
        await _fill(harness, 3)
        answers = await _acknowledge_all(harness, ARCHIVE)
        _, keys, _ = await _round(harness, folder="Archive")
        assert sorted(str(answer.new_key) for answer in answers) == sorted(keys)

    async def test_answers_come_in_order(self, harness: ReceiverHarness) -> None:
        """There is one answer for each delivery, in the order in which they were given."""
        await _fill(harness, 4)
        async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
            listed = [delivery async for delivery in deliveries]
            mixed = [listed[2], listed[0], listed[3], listed[1]]
            answers = await receiver.acknowledge(mixed, DELETE)
        assert [answer.key for answer in answers] == [delivery.key for delivery in mixed]

    @pytest.mark.parametrize("kind", [ActionKind.MARK_READ, ActionKind.MOVE, ActionKind.DELETE])
    async def test_doing_it_twice_is_harmless(self, harness: ReceiverHarness, kind: ActionKind) -> None:
        """An action that was done already counts as done, in a later session too, and disturbs no other message."""
        _must_be_able(harness, {ActionKind.MARK_READ: "mark_read", ActionKind.MOVE: "folders"}.get(kind, ""))
        action = ARCHIVE if kind is ActionKind.MOVE else Action(kind)
        await _fill(harness, 2)
        _, keys, _ = await _round(harness)
        await _acknowledge_keys(harness, keys, action)
        done = await harness.stored(), await harness.stored("Archive")
        await harness.deliver(incoming("Later"))
        answers = await _acknowledge_keys(harness, keys, action)
        assert [answer.done for answer in answers] == [True, True]
        left, archived = await harness.stored(), await harness.stored("Archive")
        assert _subjects(left) == sorted([*_subjects(done[0]), "Later"])
        assert archived == done[1]

    async def test_a_key_is_enough(self, harness: ReceiverHarness) -> None:
        """A host that crashed after storing a message acknowledges it later by its key alone."""
        await _fill(harness, 2)
        subjects, keys, _ = await _round(harness)
        [answer] = await _acknowledge_keys(harness, [keys[subjects.index("No. 0")]], DELETE)
        assert answer.done
        assert _subjects(await harness.stored()) == ["No. 1"]

    async def test_an_unsupported_action_does_nothing(self, harness: ReceiverHarness) -> None:
        """An action that the protocol lacks is ``UnsupportedFeature``, and nothing was done."""
        able = harness.protocol.capabilities
        lacking = [*([] if able.folders else [ARCHIVE]), *([] if able.mark_read else [READ])]
        if not lacking:
            pytest.skip(f"{harness.protocol.title} has every action")
        await _fill(harness, 2)
        before = await harness.stored()
        for action in lacking:
            async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
                listed = [delivery async for delivery in deliveries]
                error = await outcome(receiver.acknowledge(listed, action), harness.patience)
            assert isinstance(error, UnsupportedFeature), repr(error)
        assert await harness.stored() == before

    @pytest.mark.parametrize("folder", ["Ar\r\nchive", "Ar\nchive", "Ar\0chive"], ids=repr)
    async def test_a_folder_is_one_line(self, harness: ReceiverHarness, folder: str) -> None:
        """A folder's name with a line break or NUL is refused as a bad setting, and nothing was done."""
        _must_be_able(harness, "folders")
        await _fill(harness, 1)
        before = await harness.stored()
        async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
            listed = [delivery async for delivery in deliveries]
            error = await outcome(receiver.acknowledge(listed, Action(ActionKind.MOVE, folder)), harness.patience)
        assert isinstance(error, ConfigurationError), repr(error)
        assert await harness.stored() == before

    # The session

    async def test_close_is_idempotent(self, harness: ReceiverHarness) -> None:
        """A receiver closes in bounded time, twice as well as once, and leaves no connection open."""
        await sessions.check_close(harness, harness.receiver())

    @needs(Feature.SILENCE)
    async def test_close_does_not_wait_for_silence(self, harness: ReceiverHarness) -> None:
        """A receiver closes in bounded time when the server stays silent."""
        receiver = harness.receiver(harness.account(Direction.INCOMING, timeout=0.5))
        await receiver.open()
        harness.silence()
        await within(harness.patience, receiver.close(), "closing")

    @needs(Feature.SILENCE)
    async def test_silence_ends_in_time(self, harness: ReceiverHarness) -> None:
        """A silent server ends in ``TimedOut`` after the account's timeout."""
        await _fill(harness, 1)
        async with harness.receiver(harness.account(Direction.INCOMING, timeout=0.5)) as receiver:
            harness.silence()
            error = await outcome(_list(receiver), harness.patience)
        assert isinstance(error, TimedOut), repr(error)

    @needs(Feature.CREDENTIALS)
    async def test_wrong_credentials_fail_once(self, harness: ReceiverHarness) -> None:
        """Wrong credentials are ``AuthenticationFailed`` after one try."""
        await sessions.check_wrong_credentials(harness, Direction.INCOMING, harness.receiver)

    @needs(Feature.CREDENTIALS, Feature.CONNECTIONS)
    async def test_a_failed_open_leaves_nothing(self, harness: ReceiverHarness) -> None:
        """Where opening fails, no connection stays open."""
        await sessions.check_failed_open(harness, Direction.INCOMING, harness.receiver)

    async def test_secrets_are_untold(self, harness: ReceiverHarness) -> None:
        """No secret stands in a representation, an error or a log line."""
        await sessions.check_secrets(harness, Direction.INCOMING, harness.receiver)


async def _fill(harness: ReceiverHarness, count: int, prefix: str = "No.") -> None:
    for n in range(count):
        await harness.deliver(incoming(f"{prefix} {n}"))


async def _list(receiver: Receiver) -> list[Delivery]:
    async with receiver.fetch(None) as deliveries:
        return [delivery async for delivery in deliveries]


async def _round(
    harness: ReceiverHarness, cursor: Cursor = None, *, limit: int | None = None, **changes: Any
) -> tuple[list[str], list[str], Cursor]:
    """Do one round in a session of its own; return subjects, keys, and the cursor at its end as a host stored it."""
    async with harness.receiver(**changes) as receiver, receiver.fetch(cursor, limit) as deliveries:
        listed = [(await _subject(delivery), delivery.key) async for delivery in deliveries]
        return [subject for subject, _ in listed], [key for _, key in listed], _stored_by_host(deliveries.cursor)


def _stored_by_host(cursor: Cursor) -> Cursor:
    """Return the cursor after it lay in a database."""
    stored: Cursor = json.loads(json.dumps(cursor))
    return stored


async def _subject(delivery: Delivery) -> str:
    return _subject_of(await delivery.read())


def _subject_of(raw: bytes) -> str:
    return Message.read(raw).subject


def _subjects(mails: Sequence[Stored]) -> list[str]:
    return sorted(_subject_of(mail.raw) for mail in mails)


async def _cursor_is_refused(harness: ReceiverHarness, cursor: Cursor) -> None:
    async def fetch() -> None:
        async with harness.receiver() as receiver, receiver.fetch(cursor) as deliveries:
            _ = [delivery async for delivery in deliveries]

    error = await outcome(fetch(), harness.patience)
    assert isinstance(error, NotFound), repr(error)
    assert error.code == "read.cursor"


async def _acknowledge_all(harness: ReceiverHarness, action: Action, *, but: str = "") -> list[Acknowledgement]:
    """Acknowledge every message but one; return the final answers, which some protocols give when the session ends."""
    async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
        listed = [delivery async for delivery in deliveries if await _subject(delivery) != but]
        answers = await receiver.acknowledge(listed, action)
    return _settled(receiver, answers)


async def _acknowledge_keys(harness: ReceiverHarness, keys: Sequence[str], action: Action) -> list[Acknowledgement]:
    """Acknowledge by key, in a session that listed nothing."""
    async with harness.receiver() as receiver:
        answers = await receiver.acknowledge([Delivery(key=key, load=_nothing) for key in keys], action)
    return _settled(receiver, answers)


def _settled(receiver: Receiver, answers: Sequence[Acknowledgement]) -> list[Acknowledgement]:
    late = {answer.key: answer for answer in receiver.settled}
    return [late.get(answer.key, answer) if answer.done is None else answer for answer in answers]


async def _nothing() -> AsyncIterator[bytes]:
    """Give no bytes: an acknowledgement needs none."""
    for chunk in list[bytes]():
        yield chunk


def _must_be_able(harness: ReceiverHarness, capability: str) -> None:
    if capability and not getattr(harness.protocol.capabilities, capability):
        pytest.skip(f"{harness.protocol.title} lacks the capability {capability}")
