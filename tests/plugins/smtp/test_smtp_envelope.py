"""Whose name a message bears: From header and return path."""

import pytest

from mailport.errors import ConfigurationError, UnsupportedFeature
from mailport.message import Message
from tests.peers.scripted_smtp import EXTENSIONS, Received, ScriptedSmtp
from tests.plugins.smtp.outgoing import USER, account, message, sending

SHARED = "shared@example.test"


async def received(one: Message, **changes: str) -> Received:
    """A message as the server gets it."""
    with ScriptedSmtp() as server:
        async with sending(account(server.port, **changes)) as sender:
            await sender.send(one)
    return server.messages[0]


@pytest.mark.parametrize(
    ("envelope_from", "from_address", "sender", "expected"),
    [
        ("bounces@example.test", SHARED, USER, "bounces@example.test"),
        ("", SHARED, USER, ""),
        (None, SHARED, USER, SHARED),
        (None, "", "other@example.test", "other@example.test"),
        (None, "", None, USER),
    ],
)
async def test_the_return_path(envelope_from: str | None, from_address: str, sender: str | None, expected: str) -> None:
    """Bounces go where the message says, else to From Address, else to its From, else to User Name.  # PLS-01"""
    one = message(sender=sender, envelope_from=envelope_from)
    assert (await received(one, from_address=from_address)).sender == expected


@pytest.mark.parametrize(("sender", "expected"), [(None, SHARED), ("other@example.test", "other@example.test")])
async def test_the_from_header(sender: str | None, expected: str) -> None:
    """A message without From gets the account's; one that has a From keeps it.  # PLS-01"""
    got = await received(message(sender=sender), from_address=SHARED)
    read = Message.read(got.content)
    assert read.sender is not None
    assert read.sender.mailbox == expected


@pytest.mark.parametrize(
    "bad", [{"envelope_to": ("bob",)}, {"envelope_from": "a b@example.test"}, {"to": "", "envelope_to": ()}]
)
async def test_a_bad_envelope_is_refused_by_itself(bad: dict[str, object]) -> None:
    """What is no address never reaches a command; the session goes on.  # SEC-05"""
    with ScriptedSmtp() as server:
        async with sending(account(server.port)) as sender:
            with pytest.raises(ConfigurationError):
                await sender.send(message().replace(**{name: value for name, value in bad.items() if value != ""}))
            await sender.send(message())
    assert len(server.messages) == 1


@pytest.mark.parametrize("where", ["bcc", "cc", "reply_to", "sender"])
async def test_an_address_that_the_server_cannot_take_is_named(where: str) -> None:
    """Without SMTPUTF8 an international local part is refused before MAIL, and the error names it."""
    extensions = tuple(name for name in EXTENSIONS if name != "SMTPUTF8")
    with ScriptedSmtp(extensions=extensions) as server:
        async with sending(account(server.port)) as sender:
            with pytest.raises(UnsupportedFeature, match="zoë") as caught:
                await sender.send(message(**{where: "zoë@example.test"}))
    assert caught.value.code == "send.smtputf8"
    assert not [line for line in server.received if line.startswith(b"MAIL")]


async def test_an_international_domain_needs_no_extension() -> None:
    """A domain outside ASCII travels as A-labels, without SMTPUTF8."""
    got = await received(message("bob@bücher.example"))
    assert got.recipients == ["bob@xn--bcher-kva.example"]
    assert "SMTPUTF8" not in got.mail_parameters
