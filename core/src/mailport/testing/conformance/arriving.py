"""The cases of a sender: what arrives and who gets it."""

from __future__ import annotations

import pytest

from mailport.errors import Refused, Throttled, UnsupportedFeature
from mailport.message import Message
from mailport.receipt import Receipt, Status
from mailport.testing.conformance.checks import assert_same_content, outcome
from mailport.testing.conformance.harness import Feature, SenderHarness, needs
from mailport.testing.messages import COMPOSED, ORIGINALS, plain

__all__ = ["ArrivalCases"]


@pytest.mark.asyncio
class ArrivalCases:
    """Part of ``SenderConformance``."""

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
