"""What a message becomes for EWS, and what of it cannot be said there. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from mailport.account import Account
from mailport.address import CONTROL, Address
from mailport.errors import ConfigurationError, UnsupportedFeature
from mailport.message import Message
from mailport.receipt import Receipt, Status

__all__ = ["check_folder", "mime_chunks", "outgoing", "receipt", "split_path", "weight"]


def outgoing(message: Message, account: Account) -> Message:
    """Return the message as it leaves: with a From address, and all its recipients in headers.

    Exchange reads the recipients from To, Cc and Bcc and takes Bcc out. Raises ``UnsupportedFeature`` for an envelope that
    leaves out somebody whom the headers name, or that has another sender.
    """
    _check_envelope_from(message, account)
    named = {address.mailbox.lower() for address in (*message.to, *message.cc, *message.bcc)}
    wanted = {mailbox.lower() for mailbox in message.recipients}
    if named - wanted:
        raise UnsupportedFeature(
            "EWS sends to everybody whom To, Cc and Bcc name; this envelope leaves some of them out.",
            code="send.envelope",
            field="envelope_to",
            remedy="Take them out of the headers, or send through SMTP.",
        )
    if message.sender is None:
        message = message.replace(sender=Address(str(getattr(account.settings, "from_address", "")) or account.user_name))
    return message


def _check_envelope_from(message: Message, account: Account) -> None:
    own = {account.user_name.lower(), str(getattr(account.settings, "from_address", "")).lower()}
    own |= {message.sender.mailbox.lower()} if message.sender else set()
    if message.envelope_from is not None and message.envelope_from.lower() not in own - {""}:
        raise UnsupportedFeature(
            "EWS sends with the return path of the mailbox; another one cannot be set.",
            code="send.envelope",
            field="envelope_from",
            remedy="Leave the return path to the mailbox, or send through SMTP.",
        )


def mime_chunks(message: Message) -> Iterator[bytes]:
    """Yield the bytes of a message, with a Bcc header for recipients that only its envelope names."""
    named = {address.mailbox.lower() for address in (*message.to, *message.cc, *message.bcc)}
    hidden = [mailbox for mailbox in message.recipients if mailbox.lower() not in named]
    yield from (f"Bcc: {Address(mailbox).ascii_mailbox}\r\n".encode() for mailbox in hidden)
    yield from message.chunks(keep_bcc=True)


def weight(message: Message) -> int:
    """Return about how many bytes a message has, without rendering it."""
    if isinstance(message.original, bytes):
        return len(message.original)
    if message.original is not None:
        return message.original.stat().st_size if message.original.exists() else 0
    return len(message.text) + len(message.html) + sum(len(file.content) * 4 // 3 for file in message.attachments)


def receipt(message: Message, status: Status, text: str = "") -> Receipt:
    """Return the receipt of a message whose recipients all share one outcome: EWS tells no other."""
    return Receipt.for_all(message.message_id, message.recipients, status, text=text)


def check_folder(name: str) -> None:
    """Refuse a folder's name that no folder can have. Raises ``ConfigurationError``."""
    if CONTROL.search(name) or not split_path(name):
        raise ConfigurationError(
            "The folder's name is empty or contains a control character.",
            code="folder.name",
            field="folder",
            remedy="Write a name, or a path such as INBOX/Support.",
        )


def split_path(path: str) -> tuple[str, ...]:
    """Return the names in a folder's path (``INBOX/Support``)."""
    return tuple(name.strip() for name in path.split("/") if name.strip())
