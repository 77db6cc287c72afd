"""The cases of a sender."""

from __future__ import annotations

import asyncio

import pytest

from mailport.errors import Refused, Throttled, TimedOut, Uncertain, Unreachable, UnsupportedFeature
from mailport.fields import Direction
from mailport.message import Message
from mailport.receipt import Receipt, Status
from mailport.testing.conformance import sessions
from mailport.testing.conformance.checks import assert_same_content, eventually, outcome, polled, within
from mailport.testing.conformance.harness import Feature, SenderHarness, needs
from mailport.testing.messages import COMPOSED, ORIGINALS, plain
from mailport.transport import Sender

__all__ = ["SenderConformance"]


@pytest.mark.asyncio
class SenderConformance:
    """Subclass it and define a fixture ``harness`` that gives a ``SenderHarness``."""

    # What arrives

    @pytest.mark.parametrize("name", COMPOSED)
    async def test_composed_content_arrives(self, harness: SenderHarness, name: str) -> None:
        """A composed message arrives with equal texts, addresses and attachments."""
        message = COMPOSED[name](harness.from_address, harness.recipient("ann"))
        await _send(harness, message)
        raw = await _only_copy(harness, harness.recipient("ann"))
        assert_same_content(raw, message)

    async def test_thread_ids_arrive(self, harness: SenderHarness) -> None:
        """Message-ID, In-Reply-To and References arrive as they were written, however long they are."""
        message = COMPOSED["long_ids"](harness.from_address, harness.recipient("ann"))
        await _send(harness, message)
        raw = await _only_copy(harness, harness.recipient("ann"))
        head = raw.partition(b"\r\n\r\n")[0]
        assert all(wanted.encode() in head for wanted in (message.message_id, message.in_reply_to, *message.references))
        read = Message.read(raw)
        assert (read.message_id, read.in_reply_to) == (message.message_id, message.in_reply_to)
        assert read.references == message.references

    @needs(Feature.UNCHANGED_SENT)
    @pytest.mark.parametrize("name", ORIGINALS)
    async def test_original_bytes_arrive_unchanged(self, harness: SenderHarness, name: str) -> None:
        """A message that was read from bytes arrives as those bytes; only trace headers may stand before them."""
        original = ORIGINALS[name](harness.from_address, harness.recipient("ann"))
        await _send(harness, Message.read(original))
        raw = await _only_copy(harness, harness.recipient("ann"))
        assert raw.endswith(original)

    # Who gets it

    async def test_every_recipient_gets_it(self, harness: SenderHarness) -> None:
        """To, Cc and Bcc get one copy each, also where they are many, and the receipt names each once."""
        to, cc, bcc = ([harness.recipient(f"{kind}{n}") for n in range(20)] for kind in ("to", "cc", "bcc"))
        message = Message.compose(sender=harness.from_address, to=to, cc=cc, bcc=bcc, subject="Many", text="All.\n")
        receipt = await _send(harness, message)
        assert sorted(result.address for result in receipt.recipients) == sorted([*to, *cc, *bcc])
        assert receipt.accepted
        assert receipt.message_id == message.message_id
        for address in (*to, *cc, *bcc):
            assert len(await harness.arrived(address)) == 1, address

    @pytest.mark.parametrize("composed", [True, False], ids=["composed", "original"])
    async def test_bcc_arrives_unseen(self, harness: SenderHarness, composed: bool) -> None:
        """A Bcc recipient gets the message, and nothing in it tells the others."""
        to, bcc = harness.recipient("ann"), harness.recipient("hidden")
        message = Message.compose(sender=harness.from_address, to=to, bcc=bcc, subject="Bcc", text="Hello.\n")
        await _send(harness, message if composed else Message.read(message.to_bytes(keep_bcc=True)))
        for_bcc = await _only_copy(harness, bcc)
        for_to = await _only_copy(harness, to)
        assert bcc.encode() not in for_to
        assert not Message.read(for_bcc).bcc

    @needs(Feature.ENVELOPE)
    async def test_the_receipt_names_the_envelope(self, harness: SenderHarness) -> None:
        """Where ``envelope_to`` says who gets the message, the receipt names those and nobody else; the headers stay."""
        named, real = harness.recipient("ann"), harness.recipient("bob")
        message = plain(harness.from_address, named).replace(envelope_to=(real,))
        receipt = await _send(harness, message)
        assert [result.address for result in receipt.recipients] == [real]
        assert Message.read(await _only_copy(harness, real)).to == message.to

    @needs(Feature.ENVELOPE, Feature.RECIPIENTS)
    async def test_envelope_to_wins(self, harness: SenderHarness) -> None:
        """``envelope_to`` says who gets the message; whom only the headers name gets nothing."""
        named, real = harness.recipient("ann"), harness.recipient("bob")
        await _send(harness, plain(harness.from_address, named).replace(envelope_to=(real,)))
        await _only_copy(harness, real)
        assert await harness.arrived(named, count=0) == []

    async def test_an_envelope_is_not_ignored(self, harness: SenderHarness) -> None:
        """Where a protocol has no envelope, recipients that the headers do not name are refused before anything leaves."""
        if Feature.ENVELOPE in harness.supports:
            pytest.skip(f"{type(harness).__name__} supports: {Feature.ENVELOPE}")
        named, real = harness.recipient("ann"), harness.recipient("bob")
        message = plain(harness.from_address, named).replace(envelope_to=(real,))
        async with harness.sender() as sender:
            error = await outcome(sender.send(message), harness.patience)
        assert isinstance(error, UnsupportedFeature), repr(error)
        assert await harness.arrived(named, count=0) == []

    # Refusals

    @needs(Feature.RECIPIENT_VERDICTS)
    async def test_partial_refusal_is_a_receipt(self, harness: SenderHarness) -> None:
        """Where some recipients are accepted, the receipt tells what became of each."""
        ann, bob, joe = _verdicts(harness)
        receipt = await _send(harness, plain(harness.from_address, ann, bob, joe))
        statuses = {result.address: result.status for result in receipt.recipients}
        assert statuses == {ann: Status.ACCEPTED, bob: Status.REFUSED, joe: Status.DEFERRED}
        assert len(await harness.arrived(ann)) == 1
        assert await harness.arrived(bob, count=0) == await harness.arrived(joe, count=0) == []

    @needs(Feature.RECIPIENT_VERDICTS)
    async def test_all_refused_is_refused(self, harness: SenderHarness) -> None:
        """Where every recipient is refused for good, ``Refused`` carries the receipt."""
        bob = _verdicts(harness)[1]
        async with harness.sender() as sender:
            error = await outcome(sender.send(plain(harness.from_address, bob)), harness.patience)
        assert isinstance(error, Refused), repr(error)
        assert error.receipt is not None
        assert [(result.address, result.status) for result in error.receipt.recipients] == [(bob, Status.REFUSED)]

    @needs(Feature.RECIPIENT_VERDICTS)
    async def test_all_deferred_is_throttled(self, harness: SenderHarness) -> None:
        """Where every recipient is refused for now, ``Throttled`` carries the receipt."""
        joe = _verdicts(harness)[2]
        async with harness.sender() as sender:
            error = await outcome(sender.send(plain(harness.from_address, joe)), harness.patience)
        assert isinstance(error, Throttled), repr(error)
        assert error.receipt is not None
        assert [(result.address, result.status) for result in error.receipt.recipients] == [(joe, Status.DEFERRED)]

    @needs(Feature.REFUSED_MESSAGES)
    async def test_a_refused_message_is_refused(self, harness: SenderHarness) -> None:
        """Where the message itself is refused, ``Refused`` carries the receipt."""
        ann = harness.recipient("ann")
        async with harness.sender() as sender:
            harness.refuse_messages()
            error = await outcome(sender.send(plain(harness.from_address, ann)), harness.patience)
        assert isinstance(error, Refused), repr(error)
        assert error.receipt is not None
        assert [(result.address, result.status) for result in error.receipt.recipients] == [(ann, Status.REFUSED)]

    @needs(Feature.RECIPIENT_VERDICTS)
    async def test_a_refusal_leaves_the_next_valid(self, harness: SenderHarness) -> None:
        """After a refusal the same session sends the next message."""
        ann, bob, _ = _verdicts(harness)
        async with harness.sender() as sender:
            await outcome(sender.send(plain(harness.from_address, bob)), harness.patience)
            receipt = await sender.send(plain(harness.from_address, ann))
        assert receipt.accepted
        assert len(await harness.arrived(ann)) == 1

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

    # The session

    async def test_close_is_idempotent(self, harness: SenderHarness) -> None:
        """A sender closes in bounded time, twice as well as once, and leaves no connection open."""
        await sessions.check_close(harness, harness.sender())

    @needs(Feature.SILENCE)
    async def test_close_does_not_wait_for_silence(self, harness: SenderHarness) -> None:
        """A sender closes in bounded time when the server stays silent."""
        sender = harness.sender(harness.account(Direction.OUTGOING, timeout=0.5))
        await sender.open()
        harness.silence()
        await within(harness.patience, sender.close(), "closing")

    @needs(Feature.CREDENTIALS)
    async def test_wrong_credentials_fail_once(self, harness: SenderHarness) -> None:
        """Wrong credentials are ``AuthenticationFailed`` after one try."""
        await sessions.check_wrong_credentials(harness, Direction.OUTGOING, harness.sender)

    @needs(Feature.CREDENTIALS, Feature.CONNECTIONS)
    async def test_a_failed_open_leaves_nothing(self, harness: SenderHarness) -> None:
        """Where opening fails, no connection stays open."""
        await sessions.check_failed_open(harness, Direction.OUTGOING, harness.sender)

    async def test_secrets_are_untold(self, harness: SenderHarness) -> None:
        """No secret stands in a representation, an error or a log line."""
        await sessions.check_secrets(harness, Direction.OUTGOING, harness.sender)

    # Looking up

    async def test_find_knows_what_was_sent(self, harness: SenderHarness) -> None:
        """With the capability ``lookup`` a sent message is found and an unknown one is not; without it nobody knows."""
        message = plain(harness.from_address, harness.recipient("ann"))
        lookup = harness.protocol.capabilities.lookup
        async with harness.sender() as sender:
            await sender.send(message)
            assert await _look_up(sender, message.message_id, harness.patience) is (True if lookup else None)
            unknown = await sender.find("<never-sent@example.org>")
        assert unknown is None or (lookup and unknown is False)


async def _send(harness: SenderHarness, message: Message) -> Receipt:
    async with harness.sender() as sender:
        return await sender.send(message)


async def _only_copy(harness: SenderHarness, address: str) -> bytes:
    copies = await harness.arrived(address)
    assert len(copies) == 1, f"{len(copies)} messages reached {address}"
    return copies[0]


def _verdicts(harness: SenderHarness) -> tuple[str, str, str]:
    """Return an address that is accepted, one that is refused and one that is deferred."""
    ann, bob, joe = (harness.recipient(name) for name in ("ann", "bob", "joe"))
    harness.refuse(bob)
    harness.defer(joe)
    return ann, bob, joe


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


async def _look_up(sender: Sender, message_id: str, patience: float) -> bool | None:
    """Ask until the message is found: some servers file what was sent a little later."""
    return await polled(lambda: sender.find(message_id), lambda found: found is not False, patience)
