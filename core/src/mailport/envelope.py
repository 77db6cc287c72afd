"""Messages for services without an envelope: they send to whom To, Cc and Bcc name, and set the return path themselves."""

from __future__ import annotations

from collections.abc import Iterator

from mailport.account import Account
from mailport.address import Address
from mailport.errors import UnsupportedFeature
from mailport.message import Message

__all__ = ["addressed", "chunks_with_bcc", "hidden"]


def addressed(message: Message, account: Account) -> Message:
    """Return the message with a From: its own, else ``from_address`` of the account, else its User Name.

    Raises ``UnsupportedFeature`` for an envelope that headers cannot express: one that leaves out somebody whom To or Cc
    name, or that has another return path than the mailbox.
    """
    default = str(getattr(account.settings, "from_address", "")) or account.user_name
    _check_return_path(message, {account.user_name, default, message.sender.mailbox if message.sender else ""})
    wanted = {mailbox.lower() for mailbox in message.recipients}
    surplus = [mailbox for mailbox in _visible(message) if mailbox.lower() not in wanted]
    if surplus:
        raise _no_envelope(
            f"This service sends to everybody in To and Cc, also to {surplus[0]}, whom the envelope leaves out.",
            "envelope_to",
            "Name only addresses in To and Cc that shall receive the message, or send through SMTP.",
        )
    return message if message.sender is not None else message.replace(sender=Address(default))


def hidden(message: Message) -> tuple[str, ...]:
    """Return the recipients whom neither To nor Cc names."""
    visible = {mailbox.lower() for mailbox in _visible(message)}
    return tuple(mailbox for mailbox in message.recipients if mailbox.lower() not in visible)


def chunks_with_bcc(message: Message) -> Iterator[bytes]:
    """Yield the message's bytes, its hidden recipients in a Bcc header, which the service takes off.

    All other bytes stay as they are; the header's line ends are those of the message.
    """
    chunks = message.chunks()
    first = next(chunks, b"")
    if mailboxes := [Address(mailbox).ascii_mailbox.encode() for mailbox in hidden(message)]:
        end = b"\r\n" if b"\r\n" in first or b"\n" not in first else b"\n"
        yield b"Bcc: " + (b"," + end + b" ").join(mailboxes) + end
    yield first
    yield from chunks


def _visible(message: Message) -> list[str]:
    return [address.mailbox for address in (*message.to, *message.cc)]


def _check_return_path(message: Message, own: set[str]) -> None:
    if message.envelope_from is not None and message.envelope_from.lower() not in {mailbox.lower() for mailbox in own} - {""}:
        raise _no_envelope(
            "This service sends with the return path of the mailbox; another one cannot be set.",
            "envelope_from",
            "Leave the return path to the mailbox, or send through SMTP.",
        )


def _no_envelope(said: str, field: str, remedy: str) -> UnsupportedFeature:
    return UnsupportedFeature(said, code="send.envelope", field=field, remedy=remedy)
