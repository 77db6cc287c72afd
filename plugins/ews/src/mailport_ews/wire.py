"""What a message becomes for EWS, and what of it cannot be said there. Pure."""

from __future__ import annotations

from mailport.address import CONTROL
from mailport.errors import ConfigurationError
from mailport.message import Message
from mailport.receipt import Receipt, Status

__all__ = ["check_folder", "receipt", "split_path", "weight"]


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
