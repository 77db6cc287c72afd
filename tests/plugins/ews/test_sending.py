"""Sending: the message as it is, to whom it names, with one outcome for each."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from lxml import etree

from mailport.causes import causes
from mailport.content import Attachment
from mailport.errors import (
    MailportError,
    PermissionDenied,
    Refused,
    Throttled,
    TimedOut,
    Uncertain,
    Unreachable,
    UnsupportedFeature,
)
from mailport.message import Message
from mailport.receipt import Status
from tests.peers.fake_ews import faults
from tests.peers.fake_ews.answers import TYPES, Failed
from tests.peers.fake_ews.faults import Fault
from tests.peers.fake_ews.server import FakeEws
from tests.peers.proxy import Proxy
from tests.plugins.ews.sessions import ANN, arrived, mail, send, sender


def created(ews: FakeEws) -> Any:
    """The last CreateItem request."""
    bodies = [body for body in ews.bodies if b"<m:CreateItem " in body]
    return etree.fromstring(bodies[-1])


def big(to: str = ANN) -> Message:
    return mail(to, attachments=[Attachment(filename="big.bin", content=secrets.token_bytes(12_000_000))])


async def refused(values: dict[str, Any], message: Message | None = None, **changes: Any) -> MailportError:
    async with sender(values, **changes) as open_sender:
        with pytest.raises(MailportError) as caught:
            await open_sender.send(message or mail())
    return caught.value


async def test_nothing_but_the_mime_is_sent(ews: FakeEws, plain: dict[str, Any]) -> None:
    """The item is its MIME alone: the library's defaults would override the message's priority and receipts."""
    await send(plain, mail(headers=(("X-Priority", "1"), ("Importance", "high"))))
    [message] = created(ews).iter(f"{{{TYPES}}}Message")
    assert [child.tag for child in message] == [f"{{{TYPES}}}MimeContent"]
    assert b"Importance: high" in arrived(ews)[0]


@pytest.mark.parametrize(("saves", "disposition"), [(True, "SendAndSaveCopy"), (False, "SendOnly")])
async def test_copies_are_saved_by_choice(ews: FakeEws, plain: dict[str, Any], saves: bool, disposition: str) -> None:
    """Save to Sent Items decides whether the mailbox keeps a copy, and whether a look-up can say no."""
    async with sender(plain, save_to_sent_items=saves) as open_sender:
        message = mail()
        await open_sender.send(message)
        assert await open_sender.find(message.message_id) is (True if saves else None)
        assert await open_sender.find("<never@example.org>") is (False if saves else None)
    assert created(ews).find(".//{*}CreateItem").get("MessageDisposition") == disposition


async def test_envelope_recipients_become_bcc(ews: FakeEws, plain: dict[str, Any]) -> None:
    """Somebody whom only the envelope names gets the message, unseen by the others."""
    receipt = await send(plain, mail().replace(envelope_to=(ANN, "hidden@example.test")))
    assert [result.address for result in receipt.recipients] == [ANN, "hidden@example.test"]
    assert arrived(ews, "hidden@example.test") == arrived(ews)
    assert b"hidden" not in arrived(ews)[0]


@pytest.mark.parametrize(
    "envelope", [{"envelope_from": ""}, {"envelope_from": "other@example.test"}, {"envelope_to": ("x@y.test",)}]
)
async def test_what_ews_has_no_envelope_for(ews: FakeEws, plain: dict[str, Any], envelope: dict[str, Any]) -> None:
    """Another return path, or leaving out somebody whom a header names, is refused before any I/O."""
    error = await refused(plain, mail().replace(**envelope))
    assert isinstance(error, UnsupportedFeature)
    assert error.field in envelope
    assert "CreateItem" not in ews.requests


async def test_the_sender_has_a_default(ews: FakeEws, plain: dict[str, Any]) -> None:
    """A message without From is sent as From Address, else as User Name."""
    # OUT-18 PLS-01
    await send(plain, Message.compose(to=ANN, subject="No From"))
    await send(plain, Message.compose(to=ANN, subject="No From"), from_address="desk@example.org")
    assert [Message.read(raw).sender.mailbox for raw in arrived(ews) if Message.read(raw).sender] == [  # type: ignore[union-attr]
        "inbox@example.org",
        "desk@example.org",
    ]


async def test_big_messages_are_streamed(ews: FakeEws, plain: dict[str, Any]) -> None:
    """A message of 16 MB arrives whole, spooled and in pieces."""
    message = big()
    assert (await send(plain, message)).accepted
    assert Message.read(arrived(ews)[0]).attachments[0].content == message.attachments[0].content


@pytest.mark.parametrize(
    ("code", "kind", "ours"),
    [
        ("ErrorMessageSizeExceeded", Refused, "send.too_large"),
        ("ErrorInvalidRecipients", Refused, "send.recipients"),
        ("ErrorSendAsDenied", PermissionDenied, "permission.send_as"),
        ("ErrorQuotaExceeded", PermissionDenied, "send.mailbox_full"),
        ("ErrorMailboxMoveInProgress", Unreachable, "folder.mailbox_moving"),
        ("ErrorSubmissionQuotaExceeded", Throttled, "send.daily_limit"),
        ("ErrorTimeoutExpired", Uncertain, "send.uncertain"),
        ("ErrorInternalServerError", Uncertain, "send.uncertain"),  # saving the copy may have failed, after the sending
    ],
)
async def test_response_codes(ews: FakeEws, plain: dict[str, Any], code: str, kind: type[MailportError], ours: str) -> None:
    """What Exchange has against a message decides what the caller should do, and every code has a remedy."""
    ews.room.verdict = lambda _: Failed(code)
    error = await refused(plain)
    assert (type(error), error.code, error.provider_code) == (kind, ours, code)
    assert error.request_id == "0e4ac1b7-7a8d-4a6c-9f5e-2d1c0b9a8f7e"
    assert error.remedy


@pytest.mark.parametrize("as_fault", [True, False], ids=["fault", "item"])
async def test_back_off_is_told_in_seconds(ews: FakeEws, plain: dict[str, Any], as_fault: bool) -> None:
    """BackOffMilliseconds of a SOAP fault or of an item become seconds; nothing waits here."""
    # REL-03
    busy = Failed("ErrorServerBusy", back_off=297_749)
    if as_fault:
        ews.faults.append(faults.soap(busy, operation="CreateItem"))
    else:
        ews.room.verdict = lambda _: busy
    error = await refused(plain)
    assert isinstance(error, Throttled)
    assert error.retry_after == 297.749
    assert error.receipt is not None
    assert error.receipt.recipients[0].status is Status.DEFERRED


@pytest.mark.parametrize(
    ("fault", "message", "cause"),
    [
        (faults.soap(Failed("ErrorServerBusy"), operation="CreateItem"), mail, {"ErrorServerBusy"}),
        (faults.status(503, headers={"Retry-After": "17"}, operation="CreateItem"), mail, {"Throttled"}),
        (faults.cut_before(operation="CreateItem"), big, {"ConnectionError", "SSLError"}),
    ],
    ids=["fault", "status", "cut"],
)
async def test_what_led_to_an_error_is_told(
    ews: FakeEws, plain: dict[str, Any], fault: Fault, message: Callable[[], Message], cause: set[str]
) -> None:
    """An error of a message that was not taken keeps its first cause, and is not its own."""
    async with sender(plain) as open_sender:
        ews.faults.append(replace(fault))
        with pytest.raises((Throttled, Unreachable)) as caught:
            await open_sender.send(message())
    *_, first = causes(caught.value)
    assert first.__cause__ is None
    assert type(caught.value.__cause__ or caught.value).__name__ in cause


@pytest.mark.parametrize(
    ("status", "retry_after", "outcome"),
    [
        (503, "17", (Throttled, 17)),
        (429, "17", (Throttled, 17)),
        (429, None, (Throttled, None)),
        (503, None, (Unreachable, None)),
        (500, None, (Uncertain, None)),
        (504, None, (Uncertain, None)),
        (413, None, (Refused, None)),
    ],
)
async def test_statuses(ews: FakeEws, plain: dict[str, Any], status: int, retry_after: str | None, outcome: Any) -> None:
    """An HTTP status tells whether the message was not taken, or that nobody knows."""
    headers = {"Retry-After": retry_after} if retry_after else {}
    ews.faults.append(faults.status(status, headers=headers, operation="CreateItem"))
    error = await refused(plain)
    assert (type(error), error.retry_after) == outcome


@pytest.mark.parametrize("honest", [True, False])
async def test_a_truncated_answer_is_uncertain(ews: FakeEws, plain: dict[str, Any], honest: bool) -> None:
    """An answer that ends in the middle says nothing about the message, whatever length it declares."""
    ews.faults.append(faults.truncated(honest=honest, operation="CreateItem"))
    error = await refused(plain)
    assert isinstance(error, Uncertain)
    assert error.receipt is not None
    assert error.receipt.recipients[0].status is Status.UNCERTAIN


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"not XML at all", b"", b"<a><b></a>"])
async def test_a_malformed_answer_is_uncertain(ews: FakeEws, plain: dict[str, Any], body: bytes) -> None:
    """So does an answer that is none."""
    ews.faults.append(faults.text(body, operation="CreateItem"))
    assert isinstance(await refused(plain), Uncertain)


async def test_a_silent_server_is_uncertain(ews: FakeEws, plain: dict[str, Any]) -> None:
    """A server that stays silent for longer than Send Mail Timeout after the hand-over leaves it uncertain."""
    # OUT-22
    ews.faults.append(faults.slow(5, operation="CreateItem"))
    assert isinstance(await refused(plain, send_mail_timeout=1), Uncertain)


async def test_a_server_that_reads_nothing_is_a_timeout(ews: FakeEws, plain: dict[str, Any]) -> None:
    """A server that stops reading in the middle of a message leaves it unsent."""
    # OUT-22
    async with sender(plain, send_mail_timeout=1) as open_sender:
        ews.silent = True
        with pytest.raises(TimedOut):
            await open_sender.send(big())


async def test_cut_in_mid_message_is_unsent(ews: FakeEws, plain: dict[str, Any]) -> None:
    """A connection that breaks before the last byte leaves the message unsent, and the sender says that it is dead or works."""
    async with sender(plain) as open_sender:
        ews.faults.append(faults.cut_before(operation="CreateItem"))
        with pytest.raises(Unreachable):
            await open_sender.send(big())
        assert not open_sender.alive or (await open_sender.send(mail())).accepted
    assert len(arrived(ews)) <= 1


async def test_cancelled_in_mid_message_is_unsent(ews: FakeEws, plain: dict[str, Any]) -> None:
    """Cancelling a send before its last byte closes the session: it is unsent, and so are those in the same request."""
    async with sender(plain) as open_sender:
        ews.silent = True
        one, other = (asyncio.create_task(open_sender.send(message)) for message in (big(), mail("bob@example.test")))
        await asyncio.sleep(0.3)
        one.cancel()
        with pytest.raises(asyncio.CancelledError):
            await one
        with pytest.raises(Unreachable):
            await other
        assert not open_sender.alive
    assert ews.room.arrived == {}


async def test_a_closed_connection_is_opened_again(ews: FakeEws, plain: dict[str, Any]) -> None:
    """A server may close an idle connection: the next message goes over a new one."""
    async with sender(plain) as open_sender:
        ews.faults.append(faults.cut_after(operation="FindItem"))
        with pytest.raises(Unreachable):
            await open_sender.find("<any@example.org>")
        assert (await open_sender.send(mail())).accepted


@pytest.mark.parametrize("size", [100, 6_000_000])
@pytest.mark.parametrize("offers", [["Basic"], ["NTLM"]], ids=" ".join)
async def test_an_idle_connection_that_was_closed(ews: FakeEws, plain: dict[str, Any], offers: list[str], size: int) -> None:
    """A connection that the server closed while it was idle is opened and signed in anew, before the message leaves."""
    ews.offers = offers
    ews.users.add("EXAMPLE\\inbox", plain["password"])
    with Proxy(ews.port) as proxy:
        host = f"https://127.0.0.1:{proxy.port}/EWS/Exchange.asmx"
        async with sender(plain, host=host, login="EXAMPLE\\inbox") as open_sender:
            await open_sender.send(mail())
            proxy.cut()
            await asyncio.sleep(0.2)
            files = [Attachment(filename="big.bin", content=secrets.token_bytes(size))]
            assert (await open_sender.send(mail("bob@example.test", attachments=files))).accepted
    assert len(arrived(ews, "bob@example.test")) == 1


async def test_an_uncertain_mail_is_looked_up(ews: FakeEws, plain: dict[str, Any]) -> None:
    """A message that was taken without an answer is found by its Message-ID in the sent items."""
    # SND-28
    message = mail()
    ews.faults.append(faults.cut_after(operation="CreateItem"))
    error = await refused(plain, message)
    assert isinstance(error, Uncertain)
    async with sender(plain) as another:
        assert await another.find(message.message_id) is True
