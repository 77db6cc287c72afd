"""The cases of a receiver."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from mailport.errors import NotFound, TimedOut
from mailport.fields import Direction
from mailport.testing.conformance import sessions
from mailport.testing.conformance.acknowledging import AcknowledgementCases
from mailport.testing.conformance.checks import outcome, within
from mailport.testing.conformance.harness import Feature, ReceiverHarness, needs
from mailport.testing.conformance.rounds import (
    acknowledge_all,
    fill,
    keys_by_subject,
    listed_by,
    one_round,
    read_subject,
    stored_by_host,
)
from mailport.testing.messages import incoming
from mailport.transport import Action, ActionKind, Cursor

__all__ = ["ReceiverConformance"]

DELETE = Action(ActionKind.DELETE)
READ = Action(ActionKind.MARK_READ)
LARGEST_CHUNK = 1 << 20


@pytest.mark.asyncio
class ReceiverConformance(AcknowledgementCases):
    """Subclass it and define a fixture ``harness`` that gives a ``ReceiverHarness``."""

    # Listing

    async def test_everything_is_listed_once(self, harness: ReceiverHarness) -> None:
        """A first round lists every message once, each with a key of its own."""
        await fill(harness, 5)
        subjects, keys, _ = await one_round(harness)
        assert sorted(subjects) == [f"No. {n}" for n in range(5)]
        assert len(set(keys)) == 5

    async def test_keys_are_stable(self, harness: ReceiverHarness) -> None:
        """A message keeps its key in every later session, whatever comes or was read meanwhile."""
        await fill(harness, 3)
        before = await keys_by_subject(harness)
        if harness.protocol.capabilities.mark_read:
            await acknowledge_all(harness, READ)
        await harness.deliver(incoming("Later"))
        after = await keys_by_subject(harness)
        assert {subject: after.get(subject) for subject in before} == before

    async def test_order_is_stable(self, harness: ReceiverHarness) -> None:
        """Two rounds from the same cursor list the same messages in the same order."""
        await fill(harness, 5)
        assert (await one_round(harness)).keys == (await one_round(harness)).keys

    async def test_an_empty_mailbox_gives_a_cursor(self, harness: ReceiverHarness) -> None:
        """An empty mailbox lists nothing, and the cursor after it brings what comes later."""
        subjects, _, cursor = await one_round(harness)
        assert subjects == []
        await harness.deliver(incoming("First"))
        assert (await one_round(harness, cursor)).subjects == ["First"]

    async def test_limit_bounds_a_round(self, harness: ReceiverHarness) -> None:
        """A round lists at most ``limit`` messages; rounds one after another list all, none twice."""
        await fill(harness, 5)
        cursor: Cursor = None
        seen: list[str] = []
        for _ in range(3):
            subjects, _, cursor = await one_round(harness, cursor, limit=2)
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
        await fill(harness, 3)
        cursor = (await one_round(harness)).cursor
        assert (await one_round(harness, cursor)).subjects == []
        await fill(harness, 2, prefix="Later")
        subjects, _, cursor = await one_round(harness, cursor)
        assert sorted(subjects) == ["Later 0", "Later 1"]
        assert (await one_round(harness, cursor)).subjects == []

    async def test_a_broken_round_loses_nothing(self, harness: ReceiverHarness) -> None:
        """Who stops in mid-round and goes on from the last cursor that came with a stored message misses none."""
        await fill(harness, 6)
        cursor: Cursor = None
        stored: set[str] = set()
        async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
            async for delivery in deliveries:
                stored.add(await read_subject(delivery))
                cursor = delivery.cursor if delivery.cursor is not None else cursor
                if len(stored) == 3:
                    break
        stored |= set((await one_round(harness, stored_by_host(cursor))).subjects)
        assert stored == {f"No. {n}" for n in range(6)}

    @needs(Feature.CURSOR_PER_DELIVERY)
    async def test_each_cursor_goes_on_after_its_message(self, harness: ReceiverHarness) -> None:
        """The cursor of each delivery brings those after it and none of those before."""
        await fill(harness, 5)
        async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
            listed = [delivery async for delivery in deliveries]
        for position, delivery in enumerate(listed, start=1):
            assert delivery.cursor is not None
            keys = (await one_round(harness, stored_by_host(delivery.cursor))).keys
            assert keys == [later.key for later in listed[position:]]

    async def test_the_end_of_a_round_comes_last(self, harness: ReceiverHarness) -> None:
        """The stream has no cursor before its end: it would pass messages that nobody stored."""
        await fill(harness, 3)
        async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
            async for _ in deliveries:
                assert deliveries.cursor is None
            assert deliveries.cursor is not None

    async def test_what_was_dealt_with_disturbs_no_cursor(self, harness: ReceiverHarness) -> None:
        """Messages deleted or moved away after a round neither hide nor repeat others in the next."""
        await fill(harness, 4)
        cursor = (await one_round(harness)).cursor
        await acknowledge_all(harness, DELETE)
        await fill(harness, 2, prefix="Later")
        assert sorted((await one_round(harness, cursor)).subjects) == ["Later 0", "Later 1"]

    @needs(Feature.FORGOTTEN_CURSORS)
    async def test_a_forgotten_cursor_is_not_found(self, harness: ReceiverHarness) -> None:
        """A cursor that the server no longer knows is ``NotFound``; without a cursor everything is listed again."""
        await fill(harness, 2)
        cursor = (await one_round(harness)).cursor
        harness.forget_cursors()
        await _cursor_is_refused(harness, cursor)
        assert len((await one_round(harness)).subjects) == 2

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
        await fill(harness, 4)
        async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
            listed = [delivery async for delivery in deliveries]
            backwards = [await read_subject(delivery) for delivery in reversed(listed)]
            forwards = [await read_subject(delivery) for delivery in listed]
        assert sorted(forwards) == [f"No. {n}" for n in range(4)]
        assert forwards == backwards[::-1]

    async def test_reading_leaves_no_mark(self, harness: ReceiverHarness) -> None:
        """Reading a message neither marks it as read nor moves it."""
        await fill(harness, 2)
        before = await harness.stored()
        await one_round(harness)
        assert await harness.stored() == before

    @needs(Feature.REMOVAL)
    async def test_reading_what_is_gone_is_not_found(self, harness: ReceiverHarness) -> None:
        """A message that vanished after it was listed is ``NotFound`` when it is read."""
        await fill(harness, 1)
        async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
            [delivery] = [delivery async for delivery in deliveries]
            await harness.remove_all()
            error = await outcome(delivery.read(), harness.patience)
        assert isinstance(error, NotFound), repr(error)

    # The session

    async def test_close_is_idempotent(self, harness: ReceiverHarness) -> None:
        """A receiver closes in bounded time, twice as well as once, and leaves no connection open."""
        await sessions.check_close(harness, harness.receiver)

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
        await fill(harness, 1)
        async with harness.receiver(harness.account(Direction.INCOMING, timeout=0.5)) as receiver:
            harness.silence()
            error = await outcome(listed_by(receiver), harness.patience)
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
        await fill(harness, 1)
        await sessions.check_secrets(harness, Direction.INCOMING, harness.receiver, listed_by)


async def _cursor_is_refused(harness: ReceiverHarness, cursor: Cursor) -> None:
    async def fetch() -> None:
        async with harness.receiver() as receiver, receiver.fetch(cursor) as deliveries:
            _ = [delivery async for delivery in deliveries]

    error = await outcome(fetch(), harness.patience)
    assert isinstance(error, NotFound), repr(error)
    assert error.code == "read.cursor"
