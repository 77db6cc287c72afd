"""Sending beyond the conformance kit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mailport.errors import Refused, Throttled, Uncertain, Unreachable, UnsupportedFeature
from mailport.host import Mailport
from mailport.message import Attachment, Message
from mailport.receipt import Status
from mailport.services import Services
from mailport.testing.conformance.checks import eventually
from mailport_google.sender import GoogleSender
from tests.peers.fake_gmail import Fault, failure, refusal
from tests.peers.proxy import Proxy
from tests.plugins.google.conftest import Google

ANN, BOB = "ann@example.org", "bob@example.org"


@asynccontextmanager
async def opened(google: Google, services: Services | None = None, **changes: Any) -> AsyncIterator[GoogleSender]:
    async with GoogleSender(google.account(**changes), services or Services()) as sender:
        yield sender


def mail(google: Google, *to: str, **more: Any) -> Message:
    return Message.compose(sender=google.user, to=to or (ANN,), subject="Hello", text="Hello.\n", **more)


async def error_of(google: Google, message: Message | None = None, **changes: Any) -> Any:
    async with opened(google, **changes) as sender:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - the caller looks at it
            await sender.send(message or mail(google))
    return caught.value


# SND-05
async def test_sends_as_the_user_with_the_service_accounts_token(google: Google) -> None:
    """An assertion of the service account for User Name is exchanged for the token with which the mail leaves."""
    async with opened(google) as sender:
        receipt = await sender.send(mail(google))
    [grant] = google.tokens.grants.values()
    assert (grant.user, {scope.rpartition("/")[2] for scope in grant.scopes}) == (google.user, {"gmail.send"})
    assert receipt.accepted
    assert receipt.provider_id in google.mailbox.messages
    assert google.mailbox.messages[str(receipt.provider_id)].labels == {"SENT"}


async def test_it_leaves_as_a_media_upload(google: Google) -> None:
    """The bytes leave as they are: no base64, with a Bcc header for Gmail to read and to remove."""
    raw = f"Bcc: {BOB}\r\nFrom: {google.user}\r\nTo: {ANN}\r\nSubject: 8bit\r\n\r\nGr\u00fc\u00dfe \xff\r\n".encode("latin-1")
    async with opened(google) as sender:
        await sender.send(Message.read(raw))
    [sent] = google.mailbox.messages.values()
    assert sent.raw == raw
    assert google.gmail.outside[BOB] == google.gmail.outside[ANN] == [raw.replace(f"Bcc: {BOB}\r\n".encode(), b"")]


@pytest.mark.parametrize("original", [False, True])
async def test_recipients_of_the_envelope_become_bcc(google: Google, original: bool) -> None:
    """Recipients that only the envelope names get the message by a Bcc header; the others do not see it."""
    message = mail(google, bcc="gone@example.org")
    message = Message.read(message.to_bytes(keep_bcc=True)) if original else message
    async with opened(google) as sender:
        receipt = await sender.send(message.replace(envelope_to=(ANN, BOB)))
    assert [result.address for result in receipt.recipients] == [ANN, BOB]
    assert set(google.gmail.outside) == {ANN, BOB}
    assert BOB.encode() not in google.gmail.outside[ANN][0]
    assert Message.read(google.gmail.outside[BOB][0]).message_id == message.message_id


@pytest.mark.parametrize(
    "envelope", [{"envelope_to": (BOB,)}, {"envelope_from": ""}, {"envelope_from": "bounce+1@example.org"}], ids=repr
)
async def test_what_headers_cannot_say_is_refused_before_any_request(google: Google, envelope: dict[str, Any]) -> None:
    """Leaving out an address of To, or another return path, is no matter of headers: refused, and nothing was asked."""
    error = await error_of(google, mail(google).replace(**envelope))
    assert isinstance(error, UnsupportedFeature)
    assert error.field in envelope
    assert google.gmail.requests == []


async def test_a_message_without_from_gets_one(google: Google) -> None:
    """PLS-01: From is From Address, else User Name."""
    async with opened(google, from_address="team@example.test") as sender:
        await sender.send(Message.compose(to=ANN, text="Hello.\n"))
    assert Message.read(google.gmail.outside[ANN][0]).sender == Message.compose(sender="team@example.test").sender


async def test_a_message_of_36_mb_is_refused_unsent(google: Google) -> None:
    """Above the size in Google's description of the API the message is refused, with a receipt, and does not leave."""
    big = mail(google, attachments=[Attachment(filename="big.bin", content=bytes(28_000_000))])
    error = await error_of(google, big)
    assert isinstance(error, Refused)
    assert (error.code, google.gmail.requests) == ("send.too_large", [])
    assert error.receipt is not None
    assert error.receipt.with_status(Status.REFUSED)


# Hand-over


async def test_a_cut_in_the_middle_of_the_upload_is_unsent(google: Google) -> None:
    """A connection that breaks while the body is written leaves the message unsent, and it did not arrive."""
    big = mail(google, attachments=[Attachment(filename="big.bin", content=bytes(8_000_000))])
    with Proxy(google.gmail.port, cut_after=1_000_000) as proxy:
        error = await error_of(google, big, api_url=f"https://127.0.0.1:{proxy.port}/")
    assert isinstance(error, Unreachable)
    assert not google.mailbox.messages


@pytest.mark.parametrize(
    "fault",
    [Fault(cut="after"), Fault(truncate=5), Fault(garble=True), failure(500), failure(502), failure(503), Fault(status=200)],
    ids=repr,
)
async def test_an_answer_that_says_nothing_is_uncertain(google: Google, fault: Fault) -> None:
    """After the hand-over only a readable answer decides; everything else, Google's own failures too, is Uncertain."""
    fault.where = "send"
    google.gmail.faults.append(fault)
    error = await error_of(google)
    assert isinstance(error, Uncertain)
    assert google.gmail.count("messages.send") == 1, "a mail is never sent twice by itself"


# OUT-22
async def test_silence_after_the_hand_over_is_uncertain(google: Google) -> None:
    """A server silent for longer than Send Mail Timeout ends the mail as Uncertain when it was handed over."""
    google.gmail.faults.append(Fault(where="send", delay=30))
    error = await error_of(google, send_mail_timeout=1)
    assert isinstance(error, Uncertain)
    assert error.receipt is not None
    assert error.receipt.with_status(Status.UNCERTAIN)


# OUT-22 SEC-07
async def test_an_answer_that_drips_is_a_timeout(google: Google) -> None:
    """A server that sends its answer byte by byte keeps nobody for longer than one that stays silent."""
    google.gmail.faults.append(Fault(where="send", drip=0.05))
    async with asyncio.timeout(10):
        assert isinstance(await error_of(google, send_mail_timeout=1), Uncertain)


# OUT-22
async def test_progress_resets_the_clock(google: Google) -> None:
    """An upload that takes longer than the timeout but goes on is no silence."""
    big = mail(google, attachments=[Attachment(filename="big.bin", content=bytes(9_000_000))])
    google.gmail.reads_slowly = 0.03
    async with opened(google, send_mail_timeout=2) as sender:
        assert (await sender.send(big)).accepted


async def test_an_idle_connection_that_ended_is_replaced(google: Google) -> None:
    """A kept connection that the server closed meanwhile is noticed before anything is written, so nothing is uncertain."""
    with Proxy(google.gmail.port) as proxy:
        async with opened(google, api_url=f"https://127.0.0.1:{proxy.port}/") as sender:
            await sender.send(mail(google))
            proxy.cut()
            await asyncio.sleep(0.05)
            assert (await sender.send(mail(google))).accepted
    assert google.gmail.count("messages.send") == 2


# REL-03
@pytest.mark.parametrize(
    ("fault", "seconds", "code"),
    [
        (refusal(429, "rateLimitExceeded", "Slow down", headers={"Retry-After": "12"}), 12, "send.throttled"),
        (refusal(403, "userRateLimitExceeded", "Slow down"), None, "send.throttled"),
        (refusal(403, "dailyLimitExceeded", "Enough"), None, "send.throttled"),
        (refusal(429, "userRateLimitExceeded", "User-rate limit exceeded. (Mail sending)"), None, "send.daily_limit"),
        (Fault(status=503, headers={"Retry-After": "7"}), 7, "send.throttled"),
    ],
)
async def test_google_asks_to_wait(google: Google, fault: Fault, seconds: float | None, code: str) -> None:
    """Every way in which Google asks to come back later is Throttled, with its own number of seconds."""
    google.gmail.faults.append(fault)
    error = await error_of(google)
    assert isinstance(error, Throttled)
    assert (error.retry_after, error.code) == (seconds, code)
    assert error.receipt is not None
    assert error.receipt.with_status(Status.DEFERRED)


async def test_a_time_in_the_text_counts(google: Google) -> None:
    """Gmail names the time in its text; that it has passed means now."""
    google.gmail.faults.append(
        refusal(429, "userRateLimitExceeded", "User-rate limit exceeded.  Retry after 2020-01-01T00:00:00.000Z")
    )
    assert (await error_of(google)).retry_after == 0


# Looking up


async def test_the_stored_message_id_is_read_back(google: Google) -> None:
    """With Read Sent Mail the receipt has the Message-ID that Gmail stored, and says that it was replaced."""
    google.gmail.replaces_message_ids = True
    message = mail(google)
    async with opened(google, read_sent_mail=True) as sender:
        receipt = await sender.send(message)
        assert receipt.message_id == google.mailbox.messages[str(receipt.provider_id)].header("Message-ID")
        assert receipt.message_id != message.message_id
        assert receipt.notes
        # SND-28: it is found under its own id as well
        assert await sender.find(message.message_id) is True
        assert await sender.find(receipt.message_id) is True


async def test_a_failing_look_up_fails_no_sending(google: Google) -> None:
    """The mail has left when its Message-ID is read: a failure there changes nothing about that."""
    google.gmail.faults.append(failure(where="messages.get"))
    async with opened(google, read_sent_mail=True) as sender:
        assert (await sender.send(mail(google))).accepted


async def test_without_the_right_to_read_nobody_knows(google: Google) -> None:
    """An account that may only send does not look, and asks for no further right."""
    async with opened(google) as sender:
        await sender.send(mail(google))
        assert await sender.find("<any@example.org>") is None
    assert google.gmail.count("messages.list") == 0


# Many at once


async def test_one_bad_message_fails_no_other(google: Google) -> None:
    """Of 40 mails submitted at once the one that Gmail refuses is refused, and each other has its receipt."""
    good = [mail(google, f"user{n}@example.org") for n in range(39)]
    refused = Message.read(f"From: {google.user}\r\nX-Bad: 1\r\nTo: {ANN}\r\n\r\nx\r\n".encode())
    google.gmail.refuses = b"X-Bad"
    async with Mailport() as host:
        account = google.account()
        results = await asyncio.gather(*(host.submit(m, account) for m in (*good, refused)), return_exceptions=True)
    assert isinstance(results.pop(), Refused)
    assert [getattr(result, "message_id", result) for result in results] == [message.message_id for message in good]
    assert google.gmail.most_at_once <= account.settings.parallel_requests  # type: ignore[attr-defined]


async def test_more_lines_are_more_threads(google: Google) -> None:
    """Requests of one sender are under way at once, up to Parallel Requests, each on a connection of its own."""
    async with opened(google, parallel_requests=5) as sender:
        with google.gmail.holding_answers():
            sends = [asyncio.ensure_future(sender.send(mail(google))) for _ in range(12)]
            await eventually(lambda: google.gmail.under_way == 5, 10, "five requests at once")
            await asyncio.sleep(0.1)
            assert google.gmail.under_way == google.gmail.open_connections == 5
        await asyncio.gather(*sends)
