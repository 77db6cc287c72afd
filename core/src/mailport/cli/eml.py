"""Message files: what is read from disk to be sent."""

from __future__ import annotations

from pathlib import Path

from mailport.errors import ConfigurationError
from mailport.message import Message

__all__ = ["read_message"]


def read_message(path: Path) -> Message:
    """Return the message in a file; what must hold of its headers is checked when it is sent.

    Raises ``ConfigurationError`` for what is no readable file.
    """
    try:
        _check_file(path)
        return Message.read(path)
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigurationError):
            raise
        why = getattr(error, "strerror", None) or str(error)  # ValueError: a NUL in the name
        raise _wrong(f"The file cannot be read: {why}.", remedy="Check its name.") from error


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise _wrong("This is a folder.", remedy="Name the message files in it.")
    if path.exists() and not path.is_file():
        raise _wrong("This is no regular file.", remedy="Save the message to a file first.")
    if path.stat().st_size == 0:
        raise _wrong("The file is empty.")


def _wrong(message: str, remedy: str = "") -> ConfigurationError:
    return ConfigurationError(message, code="message.file", remedy=remedy)
