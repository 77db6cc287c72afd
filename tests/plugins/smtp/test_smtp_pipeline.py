"""Many messages on one session: their order on the wire, their receipts, and what cancelling one does to the others."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest

from mailport.errors import ConfigurationError, MailportError, Refused, TimedOut, Unreachable
from mailport.message import Message
from mailport.receipt import Receipt
from mailport.services import Services
from mailport_smtp.sender import SmtpSender
from tests.peers.aiosmtpd_peer import serve_aiosmtpd
from tests.peers.dialogue import Dialogue, Step
from tests.peers.faults import NORMAL
from tests.peers.proxy import Proxy
from tests.peers.scripted import ScriptedServer
from tests.peers.scripted_smtp import EXTENSIONS, ScriptedSmtp
from tests.peers.smtpsink import SmtpSink
from tests.plugins.smtp.outgoing import account, message, sending

PLAIN = EXTENSIONS[1:]


class Gate:
    """An answer that waits until it is opened; `reached` counts those that came to it."""

    def __init__(self) -> None:
        self.opened = False
        self.reached = 0

    async def __call__(self, dialogue: Dialogue, normal: Step) -> None:
        self.reached += 1
        while not self.opened:  # noqa: ASYNC110 - it is opened in another thread
            await asyncio.sleep(0.002)
        await normal()

    async def wait(self, count: int = 1) -> None:
        """Until `count` have come."""
        async with asyncio.timeout(5):
            while self.reached < count:  # noqa: ASYNC110 - counted in another thread
                await asyncio.sleep(0.002)


BIG = Message.read(b"From: a@example.test\r\nTo: big@example.test\r\n\r\n" + b"line\r\n" * 2_000_000)


async def stop_reading(dialogue: Dialogue, _: Step) -> None:
    """For DATA: accept it, and then read nothing at all."""
    await dialogue.reply("354 Go on")
    transport(dialogue).pause_reading()
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(10)


async def read_slowly(dialogue: Dialogue, _: Step) -> None:
    """For DATA: accept it, and read some of it every now and then."""
    await dialogue.reply("354 Go on")
    content = bytearray()
    while not content.endswith(b"\r\n.\r\n"):
        content += await dialogue.reader.read(2**26)
        transport(dialogue).pause_reading()
        await asyncio.sleep(0.1)
        transport(dialogue).resume_reading()
    await dialogue.reply("250 2.0.0 Ok")


def transport(dialogue: Dialogue) -> asyncio.Transport:
    """The server's end of the connection."""
    return cast("asyncio.Transport", dialogue.writer.transport)


def numbered(count: int) -> list[Message]:
    """Messages, each to somebody else."""
    return [message(f"user{n}@example.test", subject=f"No. {n}") for n in range(count)]


def start(sender: SmtpSender, messages: list[Message]) -> list[asyncio.Task[Receipt]]:
    """Send them all at once."""
    return [asyncio.create_task(sender.send(one)) for one in messages]


async def test_envelopes_travel_with_the_content_before() -> None:
    """In steady state a message costs one round trip: its envelope is there before the content's answer."""
    gate = Gate()
    with ScriptedSmtp({"BODY": [gate]}) as server:
        async with sending(account(server.port)) as sender:
            sends = start(sender, numbered(2))
            await gate.wait()
            gate.opened = True
            await asyncio.gather(*sends)
    verbs = [line.split(b" ")[0] for line in server.received if line]
    assert verbs[1:7] == [b"MAIL", b"RCPT", b"DATA", b"MAIL", b"RCPT", b"DATA"]


async def test_a_message_costs_one_round_trip(smtp_sink: SmtpSink) -> None:
    """Twenty messages over a line with 20 ms take twenty round trips and a few for the beginning."""
    with Proxy(smtp_sink.port, latency=0.01) as proxy:
        async with sending(account(proxy.port)) as sender:
            started = time.monotonic()
            await asyncio.gather(*start(sender, numbered(20)))
            seconds = time.monotonic() - started
    assert seconds < 23 * 0.03


@pytest.mark.parametrize("extensions", [EXTENSIONS, PLAIN])
async def test_two_hundred_receipts_are_matched(extensions: tuple[str, ...]) -> None:
    """Of 200 sends at once each gets its own receipt: the refused ones theirs, the others the id of their message."""
    refused = {f"user{n}@example.test": "550 5.1.1 No" for n in range(0, 200, 7)}
    messages = numbered(200)
    with ScriptedSmtp(extensions=extensions, recipients=refused) as server:
        async with sending(account(server.port)) as sender:
            outcomes = await asyncio.gather(*start(sender, messages), return_exceptions=True)
    for one, outcome in zip(messages, outcomes, strict=True):
        assert isinstance(outcome, Refused if one.recipients[0] in refused else Receipt)
        receipt = outcome.receipt if isinstance(outcome, MailportError) else outcome
        assert isinstance(receipt, Receipt)
        assert [result.address for result in receipt.recipients] == list(one.recipients)
        if receipt.accepted:
            assert receipt.provider_id is not None
            assert server.messages[int(receipt.provider_id) - 1].recipients == list(one.recipients)


async def test_aiosmtpd_and_smtp_sink_take_it(smtp_sink: SmtpSink) -> None:
    """Servers with and without PIPELINING get the same messages."""
    with serve_aiosmtpd() as recorder:
        for port, in_flight in ((recorder.port, 1), (smtp_sink.port, 20)):
            async with sending(account(port)) as sender:
                assert sender.max_in_flight == in_flight
                await asyncio.gather(*start(sender, numbered(30)))
    assert len(recorder.envelopes) == len(smtp_sink.messages()) == 30


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "BODY"])
@pytest.mark.parametrize("extensions", [EXTENSIONS, PLAIN])
async def test_a_refusal_leaves_the_next_valid(verb: str, extensions: tuple[str, ...]) -> None:
    """Whatever is refused of one message, those before and after it on the session are sent."""
    with ScriptedSmtp({verb: [NORMAL, "550 5.7.1 No"]}, extensions=extensions) as server:
        async with sending(account(server.port)) as sender:
            outcomes = await asyncio.gather(*start(sender, numbered(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Receipt, Refused, Receipt]
    assert [one.recipients for one in server.messages] == [["user0@example.test"], ["user2@example.test"]]


async def test_go_ahead_without_recipients_gets_an_empty_content() -> None:
    """A server that asks for the content although it refused every recipient gets a lone dot (RFC 2920 section 3.1)."""

    async def invite(dialogue: Dialogue, _: Step) -> None:
        await dialogue.reply("354 Go on")
        assert await dialogue.reader.readline() == b".\r\n"
        await dialogue.reply("554 5.5.1 No valid recipients")

    with ScriptedSmtp({"DATA": [invite]}, recipients={"user0@example.test": "550 5.1.1 No"}) as server:
        async with sending(account(server.port)) as sender:
            outcomes = await asyncio.gather(*start(sender, numbered(2)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Refused, Receipt]


@pytest.mark.parametrize(("extensions", "others"), [(EXTENSIONS, Unreachable), (PLAIN, Receipt)])
async def test_cancelled_in_the_envelope(extensions: tuple[str, ...], others: type[Any]) -> None:
    """A send cancelled before its content is withdrawn: by RSET where DATA was not asked, else by ending the session."""
    gate = Gate()
    with ScriptedSmtp({"RCPT": [gate]}, extensions=extensions) as server:
        async with sending(account(server.port)) as sender:
            first, second = start(sender, numbered(2))
            await gate.wait()
            first.cancel()
            await asyncio.sleep(0.02)
            gate.opened = True
            (outcome,) = await asyncio.gather(second, return_exceptions=True)
    assert first.cancelled()
    assert isinstance(outcome, others)
    assert "user0@example.test" not in [one.recipients[0] for one in server.messages]


async def test_cancelled_in_the_content() -> None:
    """A send cancelled while its content is written ends the session: the server never sees the final dot."""
    with ScriptedSmtp({"DATA": stop_reading}, extensions=("PIPELINING",)) as server:
        async with sending(account(server.port)) as sender:
            (first,) = start(sender, [BIG])
            await asyncio.sleep(0.3)
            (second,) = start(sender, [message()])
            await asyncio.sleep(0.05)
            first.cancel()
            outcomes = await asyncio.gather(first, second, return_exceptions=True)
            assert not sender.alive
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert isinstance(outcomes[1], Unreachable)
    assert outcomes[1].code == "send.session_ended"
    assert not server.messages


async def test_cancelled_after_the_final_dot() -> None:
    """The answer to a cancelled send is still read; the session goes on."""
    gate = Gate()
    with ScriptedSmtp({"BODY": [gate]}) as server:
        async with sending(account(server.port)) as sender:
            first, second = start(sender, numbered(2))
            await gate.wait()
            first.cancel()
            await asyncio.sleep(0.02)
            gate.opened = True
            assert (await second).accepted
            assert sender.alive
    assert [one.recipients for one in server.messages] == [["user0@example.test"], ["user1@example.test"]]


async def test_closing_waits_for_what_is_under_way() -> None:
    """A message that was handed over gets its answer before the session is closed."""
    gate = Gate()
    with ScriptedSmtp({"BODY": [gate]}) as server:
        async with sending(account(server.port)) as sender:
            (send,) = start(sender, numbered(1))
            await gate.wait()
            asyncio.get_running_loop().call_later(0.1, setattr, gate, "opened", True)
        assert (await send).accepted
    assert server.received[-1] == b"QUIT"


async def test_a_session_that_closes_takes_nothing_more() -> None:
    """While a session waits for its last answers, a further message is unsent."""
    gate = Gate()
    with ScriptedSmtp({"BODY": [gate]}) as server:
        sender = SmtpSender(account(server.port), Services())
        await sender.open()
        (first,) = start(sender, numbered(1))
        await gate.wait()
        closing = asyncio.create_task(sender.close())
        await asyncio.sleep(0.02)
        with pytest.raises(Unreachable):
            await sender.send(message())
        gate.opened = True
        await closing
        assert (await first).accepted


async def test_an_idle_session_that_the_server_ends_is_dead() -> None:
    """A farewell that nobody asked for ends the session; no reply is taken for another's."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: list[bytes]) -> None:
        writer.write(b"220 hi\r\n")
        await reader.readline()
        writer.write(b"250-me\r\n250 PIPELINING\r\n")
        await asyncio.sleep(0.05)
        writer.write(b"421 4.4.2 Idle for too long\r\n")
        await asyncio.sleep(1)

    with ScriptedServer(behave) as server:
        async with sending(account(server.port)) as sender:
            await asyncio.sleep(0.2)
            assert not sender.alive
            with pytest.raises(MailportError, match="Idle"):
                await sender.send(message())


async def test_a_file_that_vanishes_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    """A message whose file cannot be read is refused by itself; the session goes on."""
    path = tmp_path / "one.eml"
    path.write_bytes(b"From: a@example.test\r\nTo: b@example.test\r\n\r\nHello\r\n")
    read = Message.read(path)
    path.unlink()
    with ScriptedSmtp() as server:
        async with sending(account(server.port)) as sender:
            with pytest.raises(ConfigurationError, match="cannot be read"):
                await sender.send(read)
            assert (await sender.send(message())).accepted


async def test_a_file_that_vanishes_under_way_is_not_the_others_fault(tmp_path: Path) -> None:
    """Its sender is told to keep the file; the message behind it on the session is unsent, and worth another try."""
    file, gate = tmp_path / "big.eml", Gate()
    file.write_bytes(cast("bytes", BIG.original))
    with ScriptedSmtp({"DATA": gate}, extensions=("PIPELINING",)) as server:
        async with sending(account(server.port)) as sender:
            first = asyncio.ensure_future(sender.send(Message.read(file)))
            await gate.wait()
            second = asyncio.ensure_future(sender.send(message()))
            await asyncio.sleep(0.05)
            file.unlink()
            gate.opened = True
            lost, behind = await asyncio.gather(first, second, return_exceptions=True)
    assert isinstance(lost, ConfigurationError)
    assert isinstance(behind, Unreachable)
    assert not server.messages


async def test_an_upload_that_moves_does_not_time_out() -> None:
    """Progress resets the clock: a slow reader gets a large message in more than Send Mail Timeout.  # OUT-22"""

    with ScriptedSmtp({"DATA": read_slowly}, extensions=("PIPELINING",)) as server:
        async with sending(account(server.port, send_mail_timeout=1)) as sender:
            started = time.monotonic()
            assert (await sender.send(BIG)).accepted
            assert time.monotonic() - started > 1.5


async def test_an_upload_that_stops_times_out_unsent() -> None:
    """A server that stops reading in the middle of the content ends in TimedOut: it did not get the message.  # OUT-22"""

    with ScriptedSmtp({"DATA": stop_reading}, extensions=("PIPELINING",)) as server:
        async with sending(account(server.port, send_mail_timeout=1)) as sender:
            with pytest.raises(TimedOut):
                await sender.send(BIG)
