"""Several messages in one request, each with an outcome of its own."""

import asyncio
from typing import Any

import pytest

from mailport.content import Attachment
from mailport.errors import Refused, Uncertain
from mailport.host import Mailport
from mailport.message import Message
from mailport.testing.conformance.checks import eventually
from mailport_ews import plugin
from tests.peers.fake_ews import faults
from tests.peers.fake_ews.answers import Failed
from tests.peers.fake_ews.server import FakeEws
from tests.plugins.ews.sessions import arrived, mail, sender


def refuse(word: bytes) -> Any:
    return lambda mime: Failed("ErrorInvalidRecipients") if word in mime else None


async def test_200_at_once_are_few_requests(ews: FakeEws, plain: dict[str, Any]) -> None:
    """200 concurrent submits on one account make at most 40 requests, with a receipt for each message."""
    # a fifth of the sequential round trips
    async with Mailport(plugins=[plugin], discover=False) as host:
        account = host.account(plain)
        messages = [mail(f"user{n}@example.test") for n in range(200)]
        receipts = await asyncio.gather(*(host.submit(message, account) for message in messages))
    assert [receipt.message_id for receipt in receipts] == [message.message_id for message in messages]
    assert all(len(arrived(ews, f"user{n}@example.test")) == 1 for n in range(200))
    assert len(ews.requests) <= 40


async def test_one_bad_message_fails_alone(ews: FakeEws, plain: dict[str, Any]) -> None:
    """A message that Exchange refuses leaves the others of its request sent."""
    ews.room.verdict = refuse(b"bad@example.test")
    names = [f"user{n}@example.test" for n in range(9)] + ["bad@example.test"]
    async with sender(plain) as open_sender:
        outcomes = await asyncio.gather(*(open_sender.send(mail(name)) for name in names), return_exceptions=True)
    assert [isinstance(outcome, Refused) for outcome in outcomes] == [False] * 9 + [True]
    assert ews.requests.count("CreateItem") == 1


async def test_a_request_refused_as_a_whole(ews: FakeEws, plain: dict[str, Any]) -> None:
    """Where the request as a whole is too large, each message is tried alone, and only the bad one fails."""
    ews.faults.append(faults.status(413, operation="CreateItem"))
    ews.room.verdict = lambda mime: Failed("ErrorMessageSizeExceeded") if b"bad@" in mime else None
    async with sender(plain) as open_sender:
        sends = [open_sender.send(mail(name)) for name in ("ann@example.test", "bad@example.test", "joe@example.test")]
        outcomes = await asyncio.gather(*sends, return_exceptions=True)
    assert [isinstance(outcome, Refused) for outcome in outcomes] == [False, True, False]
    assert [len(arrived(ews, name)) for name in ("ann@example.test", "joe@example.test")] == [1, 1]


async def test_heavy_messages_travel_apart(ews: FakeEws, plain: dict[str, Any]) -> None:
    """Messages of 3 MB are not put into one request."""
    heavy = [mail(attachments=[Attachment(filename="a.bin", content=bytes(2_500_000))]) for _ in range(3)]
    async with sender(plain) as open_sender:
        await asyncio.gather(*(open_sender.send(message) for message in heavy))
    assert ews.requests.count("CreateItem") == 3


async def test_a_message_whose_file_is_gone(ews: FakeEws, plain: dict[str, Any], tmp_path: Any) -> None:
    """A spooled message whose file vanished fails alone."""
    path = tmp_path / "message.eml"
    path.write_bytes(mail().to_bytes())
    gone = Message.read(path)
    path.unlink()
    async with sender(plain) as open_sender:
        lost, good = await asyncio.gather(open_sender.send(gone), open_sender.send(mail()), return_exceptions=True)
    assert getattr(lost, "code", "") == "message.unreadable"
    assert getattr(good, "accepted", False)


async def test_what_waits_when_the_sender_closes(ews: FakeEws, plain: dict[str, Any]) -> None:
    """Closing waits for the request that is under way; what still waited is told unsent."""
    open_sender = sender(plain)
    await open_sender.open()
    with ews.holding_answers():
        sends = [asyncio.create_task(open_sender.send(mail(f"user{n}@example.test"))) for n in range(25)]
        await eventually(lambda: ews.under_way > 0, 10, "a request under way")
        closing = asyncio.create_task(open_sender.close())
        await asyncio.sleep(0.05)
    outcomes = await asyncio.gather(*sends, return_exceptions=True)
    await closing
    sent = [n for n, outcome in enumerate(outcomes) if not isinstance(outcome, BaseException)]
    assert sent == list(range(20))
    assert all(len(arrived(ews, f"user{n}@example.test")) == int(n in sent) for n in range(25))


async def test_closing_without_an_answer(ews: FakeEws, plain: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no answer comes before the sender must close, what was handed over is uncertain."""
    monkeypatch.setattr("mailport_ews.sender.DRAIN", 0.1)
    open_sender = sender(plain)
    await open_sender.open()
    with ews.holding_answers():
        sending = asyncio.create_task(open_sender.send(mail()))
        await eventually(lambda: ews.under_way > 0, 10, "a request under way")
        await open_sender.close()
        with pytest.raises(Uncertain):
            await sending


async def test_the_state_shows(plain: dict[str, Any]) -> None:
    """A sender shows its live state and none of its secrets."""
    async with sender(plain) as open_sender:
        assert "alive=True" in repr(open_sender)
        assert plain["password"] not in repr(open_sender)
