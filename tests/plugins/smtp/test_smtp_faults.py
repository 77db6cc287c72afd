"""A server that hangs up, stays silent or talks nonsense, at every state of the protocol."""

import asyncio
import ssl
from typing import Any

import pytest

from mailport.errors import (
    ConfigurationError,
    MailportError,
    PermissionDenied,
    Refused,
    Throttled,
    TimedOut,
    TransportError,
    Uncertain,
    Unreachable,
)
from mailport.receipt import Status
from mailport_smtp.sender import SmtpSender
from tests.peers.dialogue import Plan
from tests.peers.faults import DISCONNECT, RESET, SILENCE, delay, reply_then
from tests.peers.pki import Pki
from tests.peers.scripted import ScriptedServer
from tests.peers.scripted_smtp import EXTENSIONS, ScriptedSmtp, cut_data
from tests.plugins.smtp.outgoing import PASSWORD, account, failure_of, login, message, sending

PLAIN = tuple(extension for extension in EXTENSIONS if extension != "PIPELINING")
BEFORE = ("GREETING", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA")


async def failure_at(verb: str, fault: Plan, pki: Pki, *, pipelining: bool, timeout: int = 5) -> MailportError:
    """The error when the server plays `fault` at `verb`, the content being BODY."""
    extensions = EXTENSIONS if pipelining else PLAIN
    with ScriptedSmtp({verb: fault}, extensions=extensions, starttls=pki.server_context()) as server:
        return await failure_of(login(server.port, pki=pki, send_mail_timeout=timeout))


@pytest.mark.parametrize("fault", [DISCONNECT, RESET])
@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("verb", BEFORE)
async def test_a_lost_connection_leaves_the_message_unsent(pki: Pki, verb: str, fault: Plan, pipelining: bool) -> None:
    """Whatever the state, a connection that breaks before the final dot is Unreachable: the message was not sent."""
    error = await failure_at(verb, fault, pki, pipelining=pipelining)
    assert type(error) is Unreachable
    assert error.remedy


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("verb", BEFORE)
async def test_silence_times_out(pki: Pki, verb: str, pipelining: bool) -> None:
    """A server that stays silent for longer than Send Mail Timeout ends in TimedOut, whatever the state.  # OUT-22"""
    error = await failure_at(verb, SILENCE, pki, pipelining=pipelining, timeout=1)
    assert type(error) is TimedOut
    assert error.code.endswith(".timeout")


@pytest.mark.parametrize("fault", [DISCONNECT, RESET, SILENCE])
@pytest.mark.parametrize("pipelining", [True, False])
async def test_no_answer_after_the_final_dot_is_uncertain(pki: Pki, fault: Plan, pipelining: bool) -> None:
    """After the hand-over nothing is sent again blindly: without an answer the result is Uncertain.  # OUT-22"""
    error = await failure_at("BODY", fault, pki, pipelining=pipelining, timeout=1)
    assert type(error) is Uncertain
    assert error.receipt is not None
    assert error.receipt.with_status(Status.UNCERTAIN)


async def test_uncertain_knows_who_was_refused_before() -> None:
    """Recipients that were refused before the content are certain, whatever became of the others."""
    with ScriptedSmtp({"BODY": DISCONNECT}, recipients={"no@example.test": "550 5.1.1 No"}) as server:
        error = await failure_of(account(server.port), message("no@example.test", "bob@example.test"))
    assert isinstance(error, Uncertain)
    assert error.receipt is not None
    assert [result.status for result in error.receipt.recipients] == [Status.REFUSED, Status.UNCERTAIN]


async def test_a_connection_cut_in_the_content_leaves_it_unsent() -> None:
    """A server that goes while a large message is written did not get it."""
    with ScriptedSmtp({"DATA": cut_data(100_000)}, extensions=("PIPELINING",)) as server:
        error = await failure_of(account(server.port), message(text="A line of text\n" * 1_000_000))
    assert type(error) is Unreachable


async def test_a_slow_server_is_not_a_silent_one() -> None:
    """Each answer resets the clock: many slow ones in a row do not time out.  # OUT-22"""
    slow = {verb: delay(0.6) for verb in ("GREETING", "EHLO", "MAIL", "RCPT", "DATA", "BODY")}
    with ScriptedSmtp(slow, extensions=PLAIN) as server:
        async with sending(account(server.port, send_mail_timeout=1)) as sender:
            assert (await sender.send(message())).accepted


@pytest.mark.parametrize(
    ("verb", "reply", "kind", "code"),
    [
        ("GREETING", "554 5.7.1 Your address is not welcome", PermissionDenied, "greeting.refused"),
        ("GREETING", "421 4.3.2 Too busy", Unreachable, "greeting.unavailable"),
        ("GREETING", "HTTP/1.1 400 Bad Request", ConfigurationError, "greeting.malformed"),
        ("EHLO", "550 5.7.1 Bad name", PermissionDenied, "capabilities.refused"),
        ("EHLO", "421 4.7.1 No client certificate presented", ConfigurationError, "capabilities.client_certificate"),
        ("STARTTLS", "454 4.7.0 TLS not available", Unreachable, "tls.unavailable"),
        ("AUTH", "454 4.7.0 Temporary failure", Throttled, "authentication.throttled"),
        ("AUTH", "535 5.7.139 SMTP AUTH is disabled", MailportError, "authentication.smtp_auth_disabled"),
        ("MAIL", "550 5.7.60 Not allowed to send as", PermissionDenied, "permission.send_as"),
        ("MAIL", "432 4.3.2 Too many connections", Throttled, "send.too_many_connections"),
        ("MAIL", "550 5.4.5 Daily limit", Throttled, "send.daily_limit"),
        ("DATA", "451 4.3.0 Try later", Throttled, "send.deferred"),
        ("BODY", "554 5.6.0 Content rejected", Refused, "send.refused"),
        ("BODY", "421 4.3.2 Shutting down", Throttled, "send.deferred"),
        ("MAIL", "421 4.7.0 Too many errors", Throttled, "send.deferred"),
        ("DATA", "250 2.0.0 What?", TransportError, "send.protocol"),
        ("MAIL", "nonsense", TransportError, "send.malformed"),
        ("MAIL", "250-" + "x" * 40_000, TransportError, "send.malformed"),
    ],
)
async def test_each_reply_has_its_class(pki: Pki, verb: str, reply: str, kind: type[MailportError], code: str) -> None:
    """A reply becomes the class that says what to do, with a stable code and a remedy."""
    error = await failure_at(verb, reply, pki, pipelining=True)
    assert isinstance(error, kind)
    assert error.code == code
    assert error.remedy
    assert len(str(error)) < 400


async def test_starttls_is_required_not_opportunistic(pki: Pki) -> None:
    """Where TLS is chosen and not offered, nothing is sent in clear.  # SEC-02"""
    with ScriptedSmtp() as server:
        error = await failure_of(login(server.port, pki=pki))
    assert (error.code, error.field) == ("tls.not_offered", "use_ssl_tls")
    assert not server.logins


@pytest.mark.parametrize(("mode", "code"), [("SSL", "tls.not_tls"), ("none", "greeting.timeout")])
async def test_a_mixed_up_port_is_told(pki: Pki, mode: str, code: str) -> None:
    """SSL on a plain port, and a plain connection on an SSL port, say so."""
    context: ssl.SSLContext | None = pki.server_context() if mode == "none" else None
    with ScriptedSmtp(tls=context) as server:
        error = await failure_of(account(server.port, use_ssl_tls=mode, send_mail_timeout=1))
    assert error.code == code


async def test_endless_replies_are_bounded() -> None:
    """A reply that never ends ends the session instead of filling the memory.  # SEC-07"""

    async def babble(_: Any, writer: Any, __: list[bytes]) -> None:
        while True:
            writer.write(b"220-" + b"x" * 1000 + b"\r\n")
            await writer.drain()

    with ScriptedServer(babble) as server:
        error = await failure_of(account(server.port))
    assert error.code == "greeting.malformed"


@pytest.mark.parametrize("repeated", ["{0}", "500 5.5.1 Unknown command {0}"])
async def test_no_secret_reaches_an_error(pki: Pki, repeated: str) -> None:
    """A server that repeats the password, in clear or in base64, does not get it into our errors.  # SEC-01"""

    async def echo(dialogue: Any, _: Any) -> None:
        said = dialogue._log[-1].decode()
        await dialogue.reply(f"535 5.7.8 {said} {PASSWORD}")

    with ScriptedSmtp({"AUTH": echo}, starttls=pki.server_context()) as server:
        error = await failure_of(login(server.port, pki=pki))
    shown = f"{error!r} {error} {error.as_dict()} {error.__cause__!r} {SmtpSender!r}"
    assert PASSWORD not in shown
    assert "AGFubk" not in shown  # the beginning of base64 of NUL, "ann"


@pytest.mark.parametrize(("verb", "reply"), [("GREETING", "220 Hello"), ("EHLO", "250-Hello\r\n250 PIPELINING")])
async def test_a_server_that_goes_right_after_its_reply(verb: str, reply: str) -> None:
    """A connection that ends while it changes hands is noticed at once, and not only when time is up."""
    with ScriptedSmtp({verb: reply_then(reply)}) as server:
        async with asyncio.timeout(3):
            error = await failure_of(account(server.port, send_mail_timeout=5))
    assert type(error) is Unreachable


async def test_a_dead_sender_says_so() -> None:
    """A session that the server ended is not alive, and refuses further messages as unsent."""
    with ScriptedSmtp({"MAIL": "421 4.3.2 Bye"}) as server:
        async with sending(account(server.port)) as sender:
            for _ in range(2):
                with pytest.raises(MailportError):
                    await sender.send(message())
            assert not sender.alive
