"""Who a message is from and for whom it is, as an account sends it: pure decisions, made before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mailport.account import Account
from mailport.address import Address
from mailport.errors import ConfigurationError, Refused, UnsupportedFeature
from mailport.message import Message
from mailport.reading import split_headers
from mailport_smtp.smtp.connection import settings_of
from mailport_smtp.smtp.content import Content
from mailport_smtp.smtp.replies import Extensions
from mailport_smtp.wire import NULL_PATH, mail_command, path, rcpt_command

__all__ = ["Envelope", "check_size", "envelope", "has_utf8_headers", "return_path", "with_sender", "with_utf8_headers"]


@dataclass(frozen=True, slots=True)
class Envelope:
    """The return path and the recipients, as paths; ``utf8`` says that only SMTPUTF8 can carry the message."""

    sender: bytes
    recipients: tuple[bytes, ...]
    utf8: bool

    def mail(self, content: Content, extensions: Extensions) -> bytes:
        """Return the MAIL command for a content, with the parameters that the server understands."""
        parameters = [f"SIZE={content.size}"] if extensions.announces_size else []
        if extensions.eight_bit and not content.is_ascii:
            parameters.append("BODY=8BITMIME")
        return mail_command(self.sender, [*parameters, "SMTPUTF8"] if self.utf8 else parameters)

    def rcpt(self) -> tuple[bytes, ...]:
        """Return the RCPT commands."""
        return tuple(rcpt_command(recipient) for recipient in self.recipients)


def with_sender(message: Message, account: Account) -> Message:
    """Return a message that has a From address: its own, else the account's."""
    if message.sender is not None:
        return message
    settings = settings_of(account)
    return message.replace(sender=Address(settings.from_address or settings.user_name))


def return_path(message: Message | None, account: Account) -> str:
    """Return where bounces go: what the message says, else From Address, else the message's From, else User Name."""
    if message is not None and message.envelope_from is not None:
        return message.envelope_from
    settings = settings_of(account)
    sender = message.sender.mailbox if message is not None and message.sender is not None else ""
    return settings.from_address or sender or settings.user_name


def envelope(message: Message, account: Account, extensions: Extensions) -> Envelope:
    """Return the envelope of a message.

    Raises ``ConfigurationError`` for what is no address, and ``UnsupportedFeature`` (``send.smtputf8``) where an address
    needs an extension that the server lacks.
    """
    if not message.recipients:
        raise ConfigurationError(
            "The message has no recipient.", code="message.no_recipient", field="to", remedy="Add a To, Cc or Bcc address."
        )
    sender = return_path(message, account)
    paths = tuple(path(recipient, field="envelope_to") for recipient in message.recipients)
    return_to = path(sender, field="envelope_from") if sender else NULL_PATH
    utf8 = message.needs_smtputf8 or not (return_to + b"".join(paths)).isascii()
    if utf8 and not extensions.smtputf8:
        raise _no_smtputf8(f"the address {_international(message, sender)}")
    return Envelope(return_to, paths, utf8)


def _international(message: Message, sender: str) -> str:
    named = (message.sender, *message.to, *message.cc, *message.bcc, *message.reply_to)
    mailboxes = (*message.recipients, sender, *(address.mailbox for address in named if address is not None))
    return next((mailbox for mailbox in mailboxes if not mailbox.rpartition("@")[0].isascii()), sender)


def has_utf8_headers(message: Message) -> bool:
    """Whether a message that leaves as it came has headers in UTF-8 that are not encoded; only SMTPUTF8 may carry it."""
    if message.original is None:
        return False
    headers, _ = split_headers(message.original)
    try:
        return not headers.isascii() and bool(headers.decode())
    except UnicodeDecodeError:  # another charset, which no standard allows and every server passes on
        return False


def with_utf8_headers(envelope: Envelope, extensions: Extensions) -> Envelope:
    """Return the envelope for a message whose headers are in UTF-8. Raises ``UnsupportedFeature``."""
    if not extensions.smtputf8:
        raise _no_smtputf8("a header with international text that is not encoded")
    return replace(envelope, utf8=True)


def _no_smtputf8(what: str) -> UnsupportedFeature:
    return UnsupportedFeature(
        f"The server does not take international mail (SMTPUTF8), and the message has {what}.",
        code="send.smtputf8",
        remedy="Use an address in ASCII, or a server with SMTPUTF8.",
    )


def check_size(content: Content, extensions: Extensions) -> None:
    """Refuse a message that is larger than the server takes, before a byte of it is uploaded."""
    if extensions.size is not None and content.size > extensions.size:
        raise Refused(
            f"The message has {content.size} bytes; the server takes {extensions.size} at most.",
            code="send.too_large",
            remedy=f"Keep the message below {extensions.size} bytes, its attachments included.",
        )
