"""Senders with one small mistake each, and the case of the kit that must notice it."""

import asyncio
from contextlib import suppress
from typing import Any, cast

from mailport.content import Composed
from mailport.errors import MailportError, Refused, Throttled, Uncertain, Unreachable
from mailport.message import Message
from mailport.receipt import Receipt
from mailport.testing.conformance import Feature
from mailport.testing.memory.harness import PASSWORD
from mailport.testing.memory.sender import MemorySender
from mailport.testing.memory.session import connect, sign_in
from tests.meta.breakage import Breakage, Breakages

BREAKAGES = Breakages("sender")
noticed_by = BREAKAGES.noticed_by


@noticed_by("test_composed_content_arrives", name="inline_image")
class DropsAttachments(MemorySender):
    async def send(self, message: Message) -> Receipt:
        return await super().send(message.replace(content=Composed(text=message.text, html=message.html)))


@noticed_by("test_thread_ids_arrive")
class ShortensReferences(MemorySender):
    async def send(self, message: Message) -> Receipt:
        return await super().send(message.replace(references=message.references[-1:]))


@noticed_by("test_original_bytes_arrive_unchanged", name="signed")
class RendersAnew(MemorySender):
    async def send(self, message: Message) -> Receipt:
        return await super().send(message.replace(subject=message.subject))


@noticed_by("test_every_recipient_gets_it")
class ForgetsBcc(MemorySender):
    async def send(self, message: Message) -> Receipt:
        return await super().send(message.replace(bcc=()))


@noticed_by("test_bcc_arrives_unseen", composed=True)
class ShowsBcc(MemorySender):
    async def send(self, message: Message) -> Receipt:
        shown = Message.read(message.to_bytes().replace(b"Subject:", b"X-Bcc: hidden@example.test\r\nSubject:"))
        return await super().send(shown.replace(envelope_to=message.recipients))


@noticed_by("test_envelope_to_wins")
class IgnoresTheEnvelope(MemorySender):
    async def send(self, message: Message) -> Receipt:
        return await super().send(message.replace(envelope_to=None))


BREAKAGES["test_the_receipt_names_the_envelope"] = Breakage(sender=IgnoresTheEnvelope)
BREAKAGES["test_an_envelope_is_not_ignored"] = Breakage(sender=IgnoresTheEnvelope, without=Feature.ENVELOPE)


@noticed_by("test_partial_refusal_is_a_receipt", fails_with=Refused)
class RaisesAtTheFirstRefusal(MemorySender):
    async def send(self, message: Message) -> Receipt:
        receipt = await super().send(message)
        if not receipt.accepted:
            raise Refused("Not everybody was accepted.", receipt=receipt)
        return receipt


@noticed_by("test_all_refused_is_refused")
class ReturnsTotalRefusal(MemorySender):
    async def send(self, message: Message) -> Receipt:
        try:
            return await super().send(message)
        except Refused as error:
            return cast("Receipt", error.receipt)


@noticed_by("test_all_deferred_is_throttled")
class TakesDeferralForRefusal(MemorySender):
    async def send(self, message: Message) -> Receipt:
        try:
            return await super().send(message)
        except Throttled as error:
            raise Refused(error.message, receipt=error.receipt) from error


@noticed_by("test_a_refused_message_is_refused")
class LosesTheReceipt(MemorySender):
    async def send(self, message: Message) -> Receipt:
        try:
            return await super().send(message)
        except Refused as error:
            error.receipt = None
            raise


@noticed_by("test_a_refusal_leaves_the_next_valid", fails_with=Unreachable)
class ClosesAfterRefusal(MemorySender):
    async def send(self, message: Message) -> Receipt:
        try:
            return await super().send(message)
        except Refused:
            self._opened().close()
            raise


@noticed_by("test_receipts_belong_to_their_message")
class MixesReceipts(MemorySender):
    previous: Receipt | None = None

    async def send(self, message: Message) -> Receipt:
        receipt = await super().send(message)
        mixed, self.previous = self.previous or receipt, receipt
        return mixed


@noticed_by("test_send_waits_at_max_in_flight")
class NeverWaits(MemorySender):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._slots = asyncio.Semaphore(1000)


@noticed_by("test_one_session_serves_many_messages")
class ConnectsForEachMessage(MemorySender):
    async def send(self, message: Message) -> Receipt:
        await self.close()
        await self.open()
        return await super().send(message)


@noticed_by("test_lost_before_hand_over_is_unsent")
class DoubtsEverything(MemorySender):
    async def send(self, message: Message) -> Receipt:
        try:
            return await super().send(message)
        except Unreachable as error:
            raise Uncertain(error.message) from error


@noticed_by("test_lost_after_hand_over_is_uncertain")
class DoubtsNothing(MemorySender):
    async def send(self, message: Message) -> Receipt:
        try:
            return await super().send(message)
        except Uncertain as error:
            raise Unreachable(error.message) from error


@noticed_by("test_a_broken_session_says_so", fails_with=Unreachable)
class IsAlwaysAlive(MemorySender):
    @property
    def alive(self) -> bool:
        return True


@noticed_by("test_silence_ends_in_time", patience=0.8)
class HasNoTimeout(MemorySender):
    async def send(self, message: Message) -> Receipt:
        await self._mail.obey_faults()
        return await super().send(message)


@noticed_by("test_throttling_says_how_long")
class ForgetsTheWait(MemorySender):
    async def send(self, message: Message) -> Receipt:
        try:
            return await super().send(message)
        except Throttled as error:
            error.retry_after = None
            raise


@noticed_by("test_cancelled_before_hand_over_is_unsent", "test_cancelled_while_waiting_is_unsent")
class GoesOnWhenCancelled(MemorySender):
    async def send(self, message: Message) -> Receipt:
        return await asyncio.shield(super().send(message))


@noticed_by("test_cancelled_after_hand_over_spoils_no_other")
class HangsUpWhenCancelled(MemorySender):
    async def send(self, message: Message) -> Receipt:
        try:
            return await super().send(message)
        except asyncio.CancelledError:
            self._opened().close()
            raise


@noticed_by("test_close_is_idempotent", fails_with=AttributeError)
class ClosesOnce(MemorySender):
    async def close(self) -> None:
        await super().close()
        del self._connection


@noticed_by("test_close_does_not_wait_for_silence", patience=0.5)
class SaysGoodbye(MemorySender):
    async def close(self) -> None:
        await self._mail.obey_faults()
        await super().close()


@noticed_by("test_wrong_credentials_fail_once")
class TriesTwice(MemorySender):
    async def open(self) -> None:
        with suppress(MailportError):
            await super().open()
        if not self.alive:
            await super().open()


@noticed_by("test_a_failed_open_leaves_nothing")
class LeavesTheConnection(MemorySender):
    async def open(self) -> None:
        self._connection = await connect(self._account, self._mail)
        await sign_in(self._account, self._connection)


@noticed_by("test_secrets_are_untold")
class ShowsThePassword(MemorySender):
    def __repr__(self) -> str:
        return f"<MemorySender {PASSWORD}>"


@noticed_by("test_an_uncertain_message_is_looked_up")
class FindsWhatWasAnswered(MemorySender):
    async def find(self, message_id: str) -> bool | None:
        return False


@noticed_by("test_find_knows_what_was_sent")
class FindsEverything(MemorySender):
    async def find(self, message_id: str) -> bool | None:
        return True
