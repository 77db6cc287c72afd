"""The ways of a message: MIME, JSON, draft, reply; what each carries and what is refused beforehand."""

import asyncio
import base64
import secrets
from typing import Any

import pytest

from mailport.content import Attachment
from mailport.errors import (
    ConfigurationError,
    PermissionDenied,
    Refused,
    Throttled,
    Uncertain,
    Unreachable,
    UnsupportedFeature,
)
from mailport.message import Message
from mailport.receipt import Receipt, Status
from mailport.testing.conformance.checks import eventually
from mailport.testing.messages import PIXEL, incoming
from tests.peers.fake_graph_faults import Fault, Step, cut, lose, refused, replied, slow
from tests.peers.fake_graph_http import Reply
from tests.plugins.graph.tenant import Tenant

MB = 1024 * 1024
IMAGE = Attachment(filename="p.png", content=PIXEL, content_type="image/png", content_id="p@example.test", inline=True)


def file(size: int, name: str = "report.bin") -> Attachment:
    return Attachment(filename=name, content=secrets.token_bytes(size))


async def send(tenant: Tenant, message: Message, **settings: Any) -> Receipt:
    async with tenant.sender(**settings) as sender:
        return await sender.send(message)


def only(tenant: Tenant) -> Message:
    [delivered] = tenant.fake.delivered
    return Message.read(delivered.raw)


# SND-04
async def test_it_sends_as_the_mailbox_in_user_name(tenant: Tenant) -> None:
    """The token is asked for the tenant, and the message is posted to the mailbox in User Name."""
    receipt = await send(tenant, tenant.mail())
    [form] = tenant.tokens.requests
    assert (form["grant_type"], form["client_id"]) == ("client_credentials", tenant.client_id)
    assert form["scope"] == f"{tenant.fake.service}/.default"
    [request] = tenant.fake.requests
    assert request.path == f"/users/{tenant.address}/sendMail"
    assert receipt.accepted
    assert receipt.notes == ()


async def test_a_small_message_goes_as_it_is(tenant: Tenant) -> None:
    """Up to 2.2 MB the MIME is handed over byte for byte, in base64 without line breaks."""
    original = tenant.mail(attachments=[file(500_000)]).to_bytes()
    await send(tenant, Message.read(original))
    [request] = tenant.fake.requests
    assert request.headers["content-type"] == "text/plain"
    assert base64.b64decode(request.body, validate=True) == original


async def test_a_copy_lies_in_sent_items(tenant: Tenant) -> None:
    """A sent message is kept in Sent Items, and found there again by its Message-ID."""
    message = tenant.mail()
    async with tenant.sender() as sender:
        await sender.send(message)
        assert await sender.find(message.message_id) is True
        assert await sender.find("<other's@example.test>") is False
    [item] = tenant.mailbox.inside("F-sentitems")
    assert item.message_id == message.message_id


async def test_without_a_copy_it_goes_as_json(tenant: Tenant) -> None:
    """With Save to Sent Items off the message is rebuilt as JSON, nothing stays, and nobody can look it up."""
    message = tenant.mail(html='<p>Hello <img src="cid:p@example.test"></p>', attachments=[IMAGE], bcc="hidden@example.test")
    async with tenant.sender(save_to_sent_items=False) as sender:
        receipt = await sender.send(message)
        assert await sender.find(message.message_id) is None
    assert tenant.mailbox.items == {}
    assert (only(tenant).message_id, only(tenant).attachments) == (message.message_id, (IMAGE,))
    assert tenant.fake.delivered[0].recipients == ["ann@example.test", "hidden@example.test"]
    assert "plain text" in receipt.notes[0]


async def test_json_carries_five_headers_of_ones_own(tenant: Tenant) -> None:
    """Up to five X- headers are carried by a draft or JSON, and Auto-Submitted becomes Exchange's word for it."""
    headers = tuple((f"X-Custom-{n}", str(n)) for n in range(4))
    await send(tenant, tenant.mail(headers=(*headers, ("Auto-Submitted", "auto-generated"))), save_to_sent_items=False)
    assert [only(tenant).header(name) for name, _ in headers] == ["0", "1", "2", "3"]
    assert only(tenant).header("X-Auto-Response-Suppress") == "All"


@pytest.mark.parametrize(
    ("more", "settings", "code"),
    [
        ({"in_reply_to": "<parent@example.test>"}, {"save_to_sent_items": False}, "send.threading"),
        ({"headers": (("Importance", "high"),)}, {"save_to_sent_items": False}, "send.headers"),
        ({"headers": tuple((f"X-{n}", "1") for n in range(6))}, {"save_to_sent_items": False}, "send.headers"),
        ({"html": "<p>x</p>"}, {"save_to_sent_items": False, "accepted_losses": ""}, "send.plain_text"),
        ({"attachments": [file(4 * MB)]}, {"save_to_sent_items": False}, "send.sent_copy"),
        ({"attachments": [file(3 * MB)], "headers": (("Importance", "high"),)}, {}, "send.headers"),
        ({"text": "x" * (3 * MB + 1)}, {}, "send.too_large"),
        ({"envelope_to": ("other@example.test",)}, {}, "send.envelope"),
        ({"envelope_from": "bounce+1@example.test"}, {}, "send.envelope"),
        ({"envelope_from": ""}, {}, "send.envelope"),
    ],
)
async def test_what_cannot_be_carried_is_refused_before_io(
    tenant: Tenant, more: dict[str, Any], settings: dict[str, Any], code: str
) -> None:
    """What no way carries is refused before any request, and the error says how to accept the loss."""
    with pytest.raises(UnsupportedFeature) as caught:
        await send(tenant, tenant.mail(**more), **settings)
    assert caught.value.code == code
    assert caught.value.remedy
    assert tenant.fake.requests == []


@pytest.mark.parametrize(
    ("more", "settings", "loss"),
    [
        ({"in_reply_to": "<parent@example.test>"}, {"save_to_sent_items": False}, "threading"),
        ({"headers": (("Importance", "high"),)}, {"save_to_sent_items": False}, "headers"),
        ({"in_reply_to": "<parent@example.test>"}, {"save_to_sent_items": False}, "sent_copy"),
    ],
)
async def test_a_loss_can_be_accepted_by_name(
    tenant: Tenant, more: dict[str, Any], settings: dict[str, Any], loss: str
) -> None:
    """An account that accepts the loss sends, and the receipt says what was lost."""
    receipt = await send(tenant, tenant.mail(**more), **settings, accepted_losses=loss)
    assert receipt.accepted
    assert len(receipt.notes) == 1
    assert bool(only(tenant).in_reply_to) == (loss == "sent_copy")


# Big ones


async def test_a_big_file_is_uploaded_in_ranges(tenant: Tenant) -> None:
    """Files of 3 MB and more are uploaded in ranges below 4 MB, smaller ones are attached, then the draft is sent."""
    big, small = file(9 * MB + 17, "big.bin"), file(1000, "small.bin")
    message = tenant.mail(html="<p>See</p>", attachments=[big, IMAGE, small], cc="joe@example.test", bcc="hidden@example.test")
    receipt = await send(tenant, message)
    assert set(only(tenant).attachments) == {big, IMAGE, small}
    assert only(tenant).message_id == message.message_id
    assert tenant.fake.delivered[0].recipients == ["ann@example.test", "joe@example.test", "hidden@example.test"]
    ranges = [request.headers["content-range"].partition("/")[0] for request in tenant.fake.calls("PUT")]
    assert ranges == ["bytes 0-3932159", "bytes 3932160-7864319", "bytes 7864320-9437200"]
    [item] = tenant.mailbox.inside("F-sentitems")
    assert receipt.provider_id == item.id


async def test_an_upload_goes_on_where_the_server_says(tenant: Tenant) -> None:
    """A server that took only a part of a range gets the rest next; one that makes no progress ends the upload."""
    again = replied(Reply(200, b'{"nextExpectedRanges": ["0-"]}', {"Content-Type": "application/json"}))
    tenant.fake.faults.append(Fault(again, "PUT"))
    with pytest.raises(Unreachable) as caught:
        await send(tenant, tenant.mail(attachments=[file(5 * MB)]))
    assert caught.value.code == "greeting.malformed"


async def test_a_big_reply_goes_on_with_the_thread(tenant: Tenant) -> None:
    """A reply with a big file is a draft that Exchange makes from the original: the thread survives."""
    parent = incoming("Question")
    tenant.mailbox.add("F-inbox", raw=parent)
    parent_id = Message.read(parent).message_id
    thread: dict[str, Any] = {"in_reply_to": parent_id, "references": (parent_id,), "headers": (("X-Ticket", "INC7"),)}
    message = tenant.mail(**thread, attachments=[file(4 * MB)], subject="Re: Question")
    receipt = await send(tenant, message)
    sent = only(tenant)
    assert sent.header("X-Ticket") == "INC7"
    assert (sent.in_reply_to, sent.references, sent.subject) == (parent_id, (parent_id,), "Re: Question")
    assert (sent.to, sent.attachments, sent.message_id) == (message.to, message.attachments, message.message_id)
    assert receipt.notes == ()
    assert len(tenant.fake.calls("createReply")) == 1


async def test_a_big_reply_needs_its_original(tenant: Tenant) -> None:
    """Without the original in the mailbox a big reply is refused before anything is made, or loses its thread by name."""
    message = tenant.mail(in_reply_to="<gone@example.test>", attachments=[file(4 * MB)])
    with pytest.raises(UnsupportedFeature) as caught:
        await send(tenant, message)
    assert caught.value.code == "send.threading"
    assert [request.method for request in tenant.fake.requests] == ["GET"]
    receipt = await send(tenant, message, accepted_losses="threading")
    assert "thread" in receipt.notes[0]


@pytest.mark.parametrize("match", ["PUT", "createUploadSession", "/send"])
@pytest.mark.parametrize(
    ("fault", "error"), [(cut, Unreachable), (refused(503, "ServiceUnavailable"), Unreachable), (refused(507, "x"), Throttled)]
)
async def test_a_draft_that_fails_is_removed(tenant: Tenant, match: str, fault: Any, error: type[Exception]) -> None:
    """Until a draft is sent every failure leaves the message unsent, and nothing stays in the mailbox."""
    tenant.fake.faults.append(Fault(fault, match))
    expected = Uncertain if (match, fault) == ("/send", cut) else error
    with pytest.raises(expected):
        await send(tenant, tenant.mail(attachments=[file(4 * MB)]))
    assert tenant.fake.delivered == []
    assert (tenant.mailbox.items == {}) == (expected is not Uncertain)


async def test_a_sent_draft_without_an_answer_is_uncertain(tenant: Tenant) -> None:
    """After the draft was told to go and no answer came, the message is uncertain, and is found by its id."""
    tenant.fake.faults.append(Fault(lose, "/send"))
    message = tenant.mail(attachments=[file(4 * MB)])
    async with tenant.sender() as sender:
        with pytest.raises(Uncertain) as caught:
            await sender.send(message)
        assert await sender.find(message.message_id) is True
    assert caught.value.receipt is not None
    assert caught.value.receipt.with_status(Status.UNCERTAIN)


async def test_a_draft_cancelled_after_its_hand_over_stays(tenant: Tenant) -> None:
    """Cancelled while the answer to its sending is awaited, nothing is removed: the draft has become the copy in Sent Items."""
    taken = asyncio.Event()

    async def work_and_wait(work: Step) -> Reply:
        reply = await work()
        taken.set()
        await asyncio.sleep(5)
        return reply

    tenant.fake.faults.append(Fault(work_and_wait, "/send"))
    message = tenant.mail(attachments=[file(4 * MB)])
    async with tenant.sender() as sender:
        sending = asyncio.create_task(sender.send(message))
        await eventually(taken.is_set, 10, "a draft that is sent")
        sending.cancel()
        await asyncio.wait([sending])
        assert await sender.find(message.message_id) is True
    assert tenant.fake.calls("DELETE") == []


# Answers


@pytest.mark.parametrize("status", [200, 201, 204])
async def test_only_202_is_success(tenant: Tenant, status: int) -> None:
    """The service answers 200 to a message that it does not send: nothing but 202 counts as sent."""
    tenant.fake.faults.append(Fault(replied(Reply(status)), "sendMail"))
    with pytest.raises(Uncertain) as caught:
        await send(tenant, tenant.mail())
    assert caught.value.code == "send.uncertain"


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        (refused(403, "ErrorSendAsDenied"), PermissionDenied, "permission.send_as"),
        (refused(403, "ErrorAccessDenied"), PermissionDenied, "permission.denied"),
        (refused(400, "ErrorMimeContentInvalid"), Refused, "send.content"),
        (refused(400, "ErrorMessageSizeExceeded"), Refused, "send.too_large"),
        (refused(413, "RequestEntityTooLarge"), Refused, "send.too_large"),
        (refused(400, "Whatever"), Refused, "send.refused"),
        (refused(404, "MailboxNotEnabledForRESTAPI"), ConfigurationError, "permission.mailbox_disabled"),
        (refused(403, "ErrorExceededMessageLimit"), Throttled, "send.daily_limit"),
        (refused(500, "InternalServerError"), Unreachable, "greeting.unavailable"),
        (refused(504, "GatewayTimeout"), Uncertain, "send.uncertain"),
        (lose, Uncertain, "send.uncertain"),
    ],
)
async def test_each_refusal_says_what_to_do(tenant: Tenant, fault: Any, error: type[Exception], code: str) -> None:
    """Each answer of Graph becomes the error by which the caller knows what to do, with a remedy."""
    tenant.fake.faults.append(Fault(fault, "sendMail"))
    with pytest.raises(error) as caught:
        await send(tenant, tenant.mail())
    assert getattr(caught.value, "code", "") == code
    assert getattr(caught.value, "remedy", "")


# PLS-01
async def test_it_may_send_as_another_address(tenant: Tenant) -> None:
    """From Address is the sender of messages that name none; Exchange says whether the mailbox may use it."""
    message = Message.compose(to="ann@example.test", text="Hello.\n")
    with pytest.raises(PermissionDenied) as caught:
        await send(tenant, message, from_address="team@example.test")
    assert caught.value.field == "from_address"
    tenant.fake.senders.add("team@example.test")
    await send(tenant, message, from_address="team@example.test")
    assert str(only(tenant).sender) == "team@example.test"


# OUT-22
async def test_silence_is_a_timeout(tenant: Tenant) -> None:
    """A server that stays silent longer than Send Mail Timeout leaves the message uncertain: it was handed over."""
    tenant.fake.faults.append(Fault(slow(5), "sendMail"))
    with pytest.raises(Uncertain) as caught:
        await send(tenant, tenant.mail(), send_mail_timeout=1)
    assert "silent" in str(caught.value)
    assert caught.value.remedy


# SEC-01
async def test_no_log_tells_a_permission(tenant: Tenant, caplog: pytest.LogCaptureFixture) -> None:
    """Neither token, secret nor upload address, which is a permission of its own, stands in a log, at any level."""
    caplog.set_level("DEBUG")
    async with tenant.sender() as sender:
        await sender.send(tenant.mail(attachments=[file(4 * MB)]))
        token = await sender._client.tokens.get()  # type: ignore[attr-defined]
    [upload] = {request.target.partition("authtoken=")[2] for request in tenant.fake.calls("PUT")}
    for secret in (tenant.secret, token, upload):
        assert secret not in caplog.text
