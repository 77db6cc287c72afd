"""The cases of a sender: many messages at once, broken connections, cancelled sends."""

from __future__ import annotations

import asyncio

import pytest

from mailport.errors import Throttled, TimedOut, Uncertain, Unreachable
from mailport.fields import Direction
from mailport.message import Message
from mailport.receipt import Receipt
from mailport.testing.conformance.checks import eventually, outcome
from mailport.testing.conformance.harness import Feature, SenderHarness, needs
from mailport.testing.messages import plain

__all__ = ["HandOverCases"]


@pytest.mark.asyncio
class HandOverCases:
    """Part of ``SenderConformance``."""

    # Many at once

    async def test_receipts_belong_to_their_message(self, harness: SenderHarness) -> None:
        """Of fifty messages sent at once each arrives once, and each receipt names its own message and recipient."""
        messages = [plain(harness.from_address, harness.recipient(f"user{n}"), subject=f"No. {n}") for n in range(50)]
        async with harness.sender() as sender:
            receipts = await asyncio.gather(*(sender.send(message) for message in messages))
        for message, receipt in zip(messages, receipts, strict=True):
            assert receipt.message_id == message.message_id
            assert tuple(result.address for result in receipt.recipients) == message.recipients
            found = [Message.read(raw).message_id for raw in await harness.arrived(message.recipients[0])]
            assert found.count(message.message_id) == 1

    @needs(Feature.HELD_ANSWERS)
    async def test_send_waits_at_max_in_flight(self, harness: SenderHarness) -> None:
        """No more than ``max_in_flight`` messages are under way at once; the others wait and are sent all the same."""
        async with harness.sender() as sender:
            count = sender.max_in_flight + 5
            messages = [plain(harness.from_address, harness.recipient(f"user{n}")) for n in range(count)]
            with harness.holding_answers():
                sends = [asyncio.create_task(sender.send(message)) for message in messages]
                await eventually(lambda: harness.under_way > 0, harness.patience, "a message under way")
                await asyncio.sleep(0.2)  # long enough for one that does not wait
                assert harness.under_way <= sender.max_in_flight
            receipts = await asyncio.wait_for(asyncio.gather(*sends), harness.patience)
        assert all(receipt.accepted for receipt in receipts)

    @needs(Feature.CONNECTIONS)
    async def test_one_session_serves_many_messages(self, harness: SenderHarness) -> None:
        """Messages sent one after another on an open sender make one connection."""
        async with harness.sender() as sender:
            for n in range(5):
                await sender.send(plain(harness.from_address, harness.recipient(f"user{n}")))
        assert harness.connections == 1

    # Hand-over

    @needs(Feature.CUT_BEFORE_HANDOVER)
    async def test_lost_before_hand_over_is_unsent(self, harness: SenderHarness) -> None:
        """Where the connection breaks before the last byte, the error is ``Unreachable`` and nothing arrives."""
        async with harness.sender() as sender:
            harness.cut_before_handover()
            error = await outcome(sender.send(plain(harness.from_address, harness.recipient("ann"))), harness.patience)
        assert isinstance(error, Unreachable), repr(error)
        assert await harness.arrived(harness.recipient("ann"), count=0) == []

    @needs(Feature.CUT_AFTER_HANDOVER)
    async def test_lost_after_hand_over_is_uncertain(self, harness: SenderHarness) -> None:
        """Where the connection breaks after the last byte and before an answer, the error is ``Uncertain``."""
        async with harness.sender() as sender:
            harness.cut_after_handover()
            error = await outcome(sender.send(plain(harness.from_address, harness.recipient("ann"))), harness.patience)
        assert isinstance(error, Uncertain), repr(error)

    @needs(Feature.CUT_BEFORE_HANDOVER)
    async def test_a_broken_session_says_so(self, harness: SenderHarness) -> None:
        """After a break the sender is no longer ``alive``, or sends the next message."""
        message = plain(harness.from_address, harness.recipient("ann"))
        async with harness.sender() as sender:
            harness.cut_before_handover()
            await outcome(sender.send(message), harness.patience)
            harness.heal()
            if sender.alive:
                assert (await sender.send(message)).accepted

    @needs(Feature.SILENCE)
    async def test_silence_ends_in_time(self, harness: SenderHarness) -> None:
        """A silent server ends in ``TimedOut`` after the account's timeout, or in ``Uncertain`` after the hand-over."""
        async with harness.sender(harness.account(Direction.OUTGOING, timeout=0.5)) as sender:
            harness.silence()
            error = await outcome(sender.send(plain(harness.from_address, harness.recipient("ann"))), harness.patience)
        assert isinstance(error, TimedOut | Uncertain), repr(error)
        if isinstance(error, TimedOut):
            assert await harness.arrived(harness.recipient("ann"), count=0) == []

    @needs(Feature.THROTTLING)
    async def test_throttling_says_how_long(self, harness: SenderHarness) -> None:
        """A server that asks to come back later is ``Throttled``, with its own number of seconds."""
        async with harness.sender() as sender:
            seconds = harness.throttle()
            error = await outcome(sender.send(plain(harness.from_address, harness.recipient("ann"))), harness.patience)
        assert isinstance(error, Throttled), repr(error)
        assert error.retry_after == seconds

    # Cancellation

    @needs(Feature.HELD_BODIES)
    async def test_cancelled_before_hand_over_is_unsent(self, harness: SenderHarness) -> None:
        """A send cancelled before its last byte is withdrawn; those beside it arrive or are told to be unsent."""
        messages = [plain(harness.from_address, harness.recipient(name)) for name in ("ann", "bob", "joe")]
        async with harness.sender() as sender:
            with harness.holding_bodies():
                sends = [asyncio.create_task(sender.send(message)) for message in messages]
                await eventually(lambda: harness.under_way > 0, harness.patience, "a message under way")
                await _cancel(sends[0], harness.patience)
            await _others_are_told(harness, messages[1:], sends[1:])
        assert await harness.arrived(harness.recipient("ann"), count=0) == []

    @needs(Feature.HELD_ANSWERS)
    async def test_cancelled_while_waiting_is_unsent(self, harness: SenderHarness) -> None:
        """A send cancelled while it waits for its turn is unsent, and those before it arrive."""
        async with harness.sender() as sender:
            count = sender.max_in_flight + 1
            messages = [plain(harness.from_address, harness.recipient(f"user{n}")) for n in range(count)]
            with harness.holding_answers():
                sends = [asyncio.create_task(sender.send(message)) for message in messages]
                await eventually(lambda: harness.under_way > 0, harness.patience, "a message under way")
                await asyncio.sleep(0.1)
                await _cancel(sends[-1], harness.patience)
            await asyncio.wait_for(asyncio.gather(*sends[:-1]), harness.patience)
            assert (await sender.send(plain(harness.from_address, harness.recipient("last")))).accepted
        assert await harness.arrived(messages[-1].recipients[0], count=0) == []
        assert len(await harness.arrived(harness.recipient("last"))) == 1

    @needs(Feature.HELD_ANSWERS)
    async def test_cancelled_after_hand_over_spoils_no_other(self, harness: SenderHarness) -> None:
        """The answer to a cancelled send is still read: the next messages get their own, or are told to be unsent."""
        messages = [plain(harness.from_address, harness.recipient(name)) for name in ("ann", "bob", "joe")]
        async with harness.sender() as sender:
            with harness.holding_answers():
                sends = [asyncio.create_task(sender.send(message)) for message in messages]
                await eventually(lambda: harness.under_way > 0, harness.patience, "a message under way")
                await asyncio.sleep(0.1)
                await _cancel(sends[0], harness.patience)
            await _others_are_told(harness, messages[1:], sends[1:])


async def _cancel(send: asyncio.Task[Receipt], patience: float) -> None:
    send.cancel()
    await asyncio.wait([send], timeout=patience)
    assert send.cancelled(), f"a cancelled send goes on, or hides it: {send!r}"


async def _others_are_told(harness: SenderHarness, messages: list[Message], sends: list[asyncio.Task[Receipt]]) -> None:
    """Each of the others arrives once with its own receipt, or is told to be unsent and does not arrive."""
    for message, send in zip(messages, sends, strict=True):
        await asyncio.wait([send], timeout=harness.patience)
        assert send.done(), f"no outcome for {message.recipients}"
        error = send.exception()
        if error is None:
            assert send.result().message_id == message.message_id
            assert len(await harness.arrived(message.recipients[0])) == 1
        else:
            assert isinstance(error, Unreachable), repr(error)
            assert await harness.arrived(message.recipients[0], count=0) == []
