"""The cases of a receiver: what becomes of a message after it was stored."""

from __future__ import annotations

import pytest

from mailport.errors import ConfigurationError, UnsupportedFeature
from mailport.testing.conformance.checks import outcome
from mailport.testing.conformance.harness import Feature, ReceiverHarness, needs
from mailport.testing.conformance.rounds import (
    acknowledge_all,
    acknowledge_keys,
    fill,
    must_be_able,
    one_round,
    read_subject,
    subject_of,
    subjects_of,
)
from mailport.testing.messages import incoming
from mailport.transport import Action, ActionKind

__all__ = ["AcknowledgementCases"]

LEAVE, READ, DELETE = (Action(kind) for kind in (ActionKind.LEAVE, ActionKind.MARK_READ, ActionKind.DELETE))
ARCHIVE = Action(ActionKind.MOVE, "Archive")


@pytest.mark.asyncio
class AcknowledgementCases:
    """Part of ``ReceiverConformance``."""

    # Acknowledging

    async def test_leave_leaves_everything(self, harness: ReceiverHarness) -> None:
        """LEAVE changes nothing and says that it is done."""
        await fill(harness, 2)
        before = await harness.stored()
        assert all(answer.done for answer in await acknowledge_all(harness, LEAVE))
        assert await harness.stored() == before

    async def test_delete_removes(self, harness: ReceiverHarness) -> None:
        """DELETE removes those messages and no others."""
        await fill(harness, 3)
        answers = await acknowledge_all(harness, DELETE, but="No. 1")
        assert [answer.done for answer in answers] == [True, True]
        assert subjects_of(await harness.stored()) == ["No. 1"]

    async def test_mark_read_marks(self, harness: ReceiverHarness) -> None:
        """MARK_READ marks those messages and no others, and keeps them where they are."""
        must_be_able(harness, "mark_read")
        await fill(harness, 3)
        answers = await acknowledge_all(harness, READ, but="No. 1")
        assert [answer.done for answer in answers] == [True, True]
        stored = await harness.stored()
        assert {subject_of(mail.raw): mail.seen for mail in stored} == {"No. 0": True, "No. 1": False, "No. 2": True}

    async def test_flags_tell_what_was_read(self, harness: ReceiverHarness) -> None:
        r"""A message that was marked as read is listed with IMAP's flag ``\Seen``, another one is not."""
        must_be_able(harness, "mark_read")
        await fill(harness, 2)
        await acknowledge_all(harness, READ, but="No. 1")
        async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
            seen = {await read_subject(delivery): "\\Seen" in delivery.flags async for delivery in deliveries}
        assert seen == {"No. 0": True, "No. 1": False}

    async def test_move_moves(self, harness: ReceiverHarness) -> None:
        """MOVE puts those messages, unchanged, into a folder that is created when missing."""
        must_be_able(harness, "folders")
        await fill(harness, 3)
        before = {mail.raw for mail in await harness.stored()}
        answers = await acknowledge_all(harness, ARCHIVE, but="No. 1")
        assert [answer.done for answer in answers] == [True, True]
        left, moved = await harness.stored(), await harness.stored("Archive")
        assert subjects_of(left) == ["No. 1"]
        assert subjects_of(moved) == ["No. 0", "No. 2"]
        assert {mail.raw for mail in (*left, *moved)} == before

    @needs(Feature.NEW_KEYS)
    async def test_a_new_key_is_the_key_there(self, harness: ReceiverHarness) -> None:
        """``new_key`` after MOVE is the key under which the message is listed in the other folder."""
        must_be_able(harness, "folders")
        await fill(harness, 3)
        answers = await acknowledge_all(harness, ARCHIVE)
        keys = (await one_round(harness, folder="Archive")).keys
        assert sorted(str(answer.new_key) for answer in answers) == sorted(keys)

    async def test_answers_come_in_order(self, harness: ReceiverHarness) -> None:
        """There is one answer for each delivery, in the order in which they were given."""
        await fill(harness, 4)
        async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
            listed = [delivery async for delivery in deliveries]
            mixed = [listed[2], listed[0], listed[3], listed[1]]
            answers = await receiver.acknowledge(mixed, DELETE)
        assert [answer.key for answer in answers] == [delivery.key for delivery in mixed]

    @pytest.mark.parametrize("kind", [ActionKind.MARK_READ, ActionKind.MOVE, ActionKind.DELETE])
    async def test_doing_it_twice_is_harmless(self, harness: ReceiverHarness, kind: ActionKind) -> None:
        """An action that was done already counts as done, in a later session too, and disturbs no other message."""
        must_be_able(harness, {ActionKind.MARK_READ: "mark_read", ActionKind.MOVE: "folders"}.get(kind, ""))
        action = ARCHIVE if kind is ActionKind.MOVE else Action(kind)
        await fill(harness, 2)
        keys = (await one_round(harness)).keys
        await acknowledge_keys(harness, keys, action)
        done = await harness.stored(), await harness.stored("Archive")
        await harness.deliver(incoming("Later"))
        answers = await acknowledge_keys(harness, keys, action)
        assert [answer.done for answer in answers] == [True, True]
        left, archived = await harness.stored(), await harness.stored("Archive")
        assert subjects_of(left) == sorted([*subjects_of(done[0]), "Later"])
        assert archived == done[1]

    async def test_a_key_is_enough(self, harness: ReceiverHarness) -> None:
        """A host that crashed after storing a message acknowledges it later by its key alone."""
        await fill(harness, 2)
        subjects, keys, _ = await one_round(harness)
        [answer] = await acknowledge_keys(harness, [keys[subjects.index("No. 0")]], DELETE)
        assert answer.done
        assert subjects_of(await harness.stored()) == ["No. 1"]

    async def test_an_unsupported_action_does_nothing(self, harness: ReceiverHarness) -> None:
        """An action that the protocol lacks is ``UnsupportedFeature``, and nothing was done."""
        able = harness.protocol.capabilities
        lacking = [*([] if able.folders else [ARCHIVE]), *([] if able.mark_read else [READ])]
        if not lacking:
            pytest.skip(f"{harness.protocol.title} has every action")
        await fill(harness, 2)
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
        must_be_able(harness, "folders")
        await fill(harness, 1)
        before = await harness.stored()
        async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
            listed = [delivery async for delivery in deliveries]
            error = await outcome(receiver.acknowledge(listed, Action(ActionKind.MOVE, folder)), harness.patience)
        assert isinstance(error, ConfigurationError), repr(error)
        assert await harness.stored() == before
