"""The way of outgoing mail through the host."""

import asyncio
import time

import pytest

from mailport import (
    AuthenticationFailed,
    ConfigurationError,
    EventKind,
    Mailport,
    Refused,
    Status,
    Uncertain,
    UnsupportedFeature,
)
from mailport.hookspecs import hookimpl
from mailport.message import Attachment, AutoSubmitted, Message
from mailport.policies.override import Override
from mailport.registry import Registry
from mailport.session import SessionLimits, SessionPool
from mailport.submit import submit
from mailport.testing.memory import MemoryPlugin
from mailport.transport import SenderWrapper
from tests.core.conftest import ANN, BOB


class Observer:
    def __init__(self):
        self.events = []

    @hookimpl
    def mailport_observe(self, event):
        self.events.append(event)


class Broken:
    @hookimpl
    def mailport_observe(self, event):
        raise ValueError("observer")


async def test_a_message_arrives_and_the_receipt_names_every_recipient(mail, memory, outgoing, compose):
    """Sending returns what became of each recipient."""
    memory.refused.add("nobody@example.org")
    receipt = await mail.submit(compose(cc="nobody@example.org"), outgoing)
    assert {result.address: result.status for result in receipt.recipients} == {
        BOB: Status.ACCEPTED,
        "nobody@example.org": Status.REFUSED,
    }
    assert [stored.envelope_to for stored in memory.accepted] == [(BOB,)]


async def test_a_second_message_uses_the_same_session(mail, memory, outgoing, compose):
    """One sign-in serves many messages, one after another and at once."""
    await asyncio.gather(*(mail.submit(compose(), outgoing) for _ in range(3)))
    await mail.submit(compose(), outgoing)
    assert len(memory.connections) == 1
    assert "open=1 busy=0 idle=1" in repr(mail)


async def test_a_stale_session_is_replaced_once(mail, memory, outgoing, compose):
    """A connection that died while idle costs one reconnect, not a failure."""
    await mail.submit(compose(), outgoing)
    memory.connections[0].close()
    receipt = await mail.submit(compose(), outgoing)
    assert receipt.accepted
    assert len(memory.connections) == 2


async def test_a_message_handed_over_without_answer_is_never_sent_again(mail, memory, outgoing, compose):
    """Uncertain reaches the caller; nothing is tried by itself."""
    await mail.submit(compose(), outgoing)
    memory.faults.cut_after_handover = True
    with pytest.raises(Uncertain):
        await mail.submit(compose(), outgoing)
    assert len(memory.accepted) == 2


async def test_refused_credentials_are_tried_once(mail, memory, values, compose):  # REL-06
    """Many messages with a wrong password make one sign-in; the circuit stays open for later ones."""
    wrong = mail.account(values | {"password": "wrong-canary"})
    failures = await asyncio.gather(*(mail.submit(compose(), wrong) for _ in range(20)), return_exceptions=True)
    assert all(isinstance(failure, AuthenticationFailed) for failure in failures)
    with pytest.raises(AuthenticationFailed, match="Not tried again") as caught:
        await mail.submit(compose(), wrong)
    assert memory.failed_sign_ins == 1
    assert caught.value.retry_after > 0
    assert "wrong-canary" not in str(caught.value.as_dict())


async def test_a_corrected_password_closes_the_circuit(mail, memory, values, compose):  # REL-06
    """Changed settings are another session: they are tried at once."""
    with pytest.raises(AuthenticationFailed):
        await mail.submit(compose(), mail.account(values | {"password": "wrong"}))
    assert (await mail.submit(compose(), mail.account(values))).accepted


async def test_block_outgoing_email_lets_nothing_leave(mail, memory, values, compose):  # SND-07
    """The receipt says blocked for every recipient, and no connection is made."""
    blocked = mail.account(values | {"block_outgoing_email": True})
    receipt = await mail.submit(compose(bcc="c@example.org"), blocked)
    assert [result.status for result in receipt.recipients] == [Status.BLOCKED, Status.BLOCKED]
    assert memory.connections == []


async def test_the_override_replaces_every_recipient(mail, memory, values, compose):  # SND-11 SND-12 SND-13
    """Only the override addresses receive; To and Cc stay readable, Bcc does not."""
    account = mail.account(values | {"email_address_override": "x@example.org, y@example.org"})
    receipt = await mail.submit(compose(cc="c@example.org", bcc="secret@example.org"), account)
    assert receipt.notes == (
        "Email Address Override is on. The mail was meant for To bob@example.org; Cc c@example.org; Bcc secret@example.org.",
    )
    stored = memory.accepted[0]
    assert stored.envelope_to == ("x@example.org", "y@example.org")
    message = Message.read(stored.raw)
    assert message.header("X-Mailport-Original-To") == BOB
    assert message.header("X-Mailport-Original-Cc") == "c@example.org"
    assert b"secret@" not in stored.raw


async def test_the_override_takes_mail_that_was_read(mail, memory, values, compose):  # SND-11
    """A message from a file goes to the override addresses with its own body."""
    attached = Attachment(filename="a.txt", content=b"x")
    read = Message.read(compose(headers=(("X-Note", "kept"),), attachments=[attached]).to_bytes())
    await mail.submit(read, mail.account(values | {"email_address_override": "x@example.org"}))
    message = Message.read(memory.accepted[0].raw)
    assert memory.accepted[0].envelope_to == ("x@example.org",)
    assert (message.text, message.attachments[0].content, message.header("X-Note")) == ("Hi\n", b"x", "kept")


async def test_overriding_twice_equals_once(values, mail, compose):  # SND-13
    """The original recipients stay those of the first time, whatever said them: headers or envelope."""
    account = mail.account(values | {"email_address_override": "x@example.org"})
    for message in (compose(), compose(envelope_to=("c@example.org",))):
        once = Override().apply(message, account)
        assert Override().apply(once, account) is once
        assert once.recipients == ("x@example.org",)


async def test_a_refusal_tells_the_notes_too(memory, values, mail, compose):  # SND-13
    """Whom an overridden mail was meant for is known also when it did not leave."""
    memory.refused.add("x@example.org")
    with pytest.raises(Refused) as caught:
        await mail.submit(compose(), mail.account(values | {"email_address_override": "x@example.org"}))
    assert "meant for To bob@example.org" in caught.value.receipt.notes[0]


async def test_a_rule_that_nobody_carries_out_is_refused(mail, values, compose):
    """Sending as if the rule were not there would be the worse answer; here not even the core's own policies are there."""
    account = mail.account(values | {"attach_conversation_id": True})
    with pytest.raises(UnsupportedFeature) as caught:
        await submit(compose(), account, Registry((), discover=False), SessionPool(list, SessionLimits(), time.monotonic))
    assert caught.value.field == "attach_conversation_id"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (Message.read(b"To: bob@example.org\r\n\r\nhi"), "message.from_missing"),
        (Message.compose(sender=ANN, subject="x"), "message.no_recipient"),
    ],
)
async def test_a_message_that_cannot_go_anywhere_is_refused_before_any_connection(mail, memory, outgoing, message, code):
    """A missing From or recipient is the caller's error."""
    with pytest.raises(ConfigurationError) as caught:
        await mail.submit(message, outgoing)
    assert caught.value.code == code
    assert memory.connections == []


async def test_observers_learn_what_happened_and_cannot_stop_it(memory, values, compose):
    """A failing observer is logged; the others hear of success and failure."""
    observer = Observer()
    async with Mailport(plugins=[Broken(), MemoryPlugin(memory), observer], discover=False) as mail:
        account = mail.account(values)
        await mail.submit(compose(), account)
        memory.refused.add(BOB)
        with pytest.raises(Refused):
            await mail.submit(compose(), account)
    assert [event.kind for event in observer.events] == [EventKind.SENT, EventKind.REFUSED]
    assert observer.events[0].receipt.accepted


async def test_a_wrapper_of_another_package_surrounds_the_sender(memory, values, compose):
    """A hook wrapper may return a sender around the live one, for every protocol."""

    class Signing(SenderWrapper):
        async def send(self, message):
            return await self.inner.send(message.replace(headers=(("X-Signed", "yes"),)))

    class Plugin:
        @hookimpl(wrapper=True)
        def mailport_send(self, account, services):
            return Signing((yield))

    async with Mailport(plugins=[MemoryPlugin(memory), Plugin()], discover=False) as mail:
        await mail.submit(compose(), mail.account(values))
    assert b"X-Signed: yes" in memory.accepted[0].raw


async def test_a_sent_message_can_be_looked_up(mail, outgoing, compose):
    """Where the protocol can tell, it says whether a Message-ID left."""
    receipt = await mail.submit(compose(), outgoing)
    assert await mail.find(receipt.message_id, outgoing) is True
    assert await mail.find("<other@example.org>", outgoing) is False


@pytest.mark.parametrize(
    "origin",
    [
        {"automatic": AutoSubmitted.GENERATED},
        {"automatic": AutoSubmitted.REPLIED, "envelope_from": ""},
        {"in_reply_to": "<1@example.org>"},
        {"envelope_to": ("other@example.org",)},
    ],
    ids=["notification", "automatic answer", "answer of a person", "resend"],
)
async def test_block_concerns_mail_of_every_origin(mail, memory, values, compose, origin):  # SND-08
    """Whatever made the message, nothing leaves while Block is on."""
    receipt = await mail.submit(compose(**origin), mail.account(values | {"block_outgoing_email": True}))
    assert {result.status for result in receipt.recipients} == {Status.BLOCKED}
    assert memory.connections == []


async def test_a_blocked_account_still_reads_its_inbox(mail, memory, values, compose):  # SND-09
    """Block is a rule of outgoing mail; the same stored record serves the inbox."""
    memory.mailboxes[ANN].add(compose().to_bytes())
    async with mail.poll(mail.account(values | {"block_outgoing_email": True}, "incoming")) as round_:
        assert [(await delivery.message()).subject async for delivery in round_] == ["Hello"]


async def test_what_was_blocked_leaves_only_when_it_is_sent_again(mail, memory, values, compose):  # SND-10
    """Switching Block off sends nothing by itself; sending the same message again does."""
    message = compose()
    await mail.submit(message, mail.account(values | {"block_outgoing_email": True}))
    unblocked = mail.account(values)
    await mail.test_connection(unblocked)
    assert memory.accepted == []
    assert (await mail.submit(message, unblocked)).accepted
    assert [stored.message_id for stored in memory.accepted] == [message.message_id]
