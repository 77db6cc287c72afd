"""Message files: what is read from disk to be sent."""

from __future__ import annotations

import codecs
from pathlib import Path

from mailport.errors import ConfigurationError
from mailport.message import Message

__all__ = ["read_message"]

_UTF_16 = ("The file is text in UTF-16: this is no mail.", "Give a message in .eml form; export it from the mail program.")
# How files begin that editors and mailbox programs have made of a mail.
_NO_MAIL = {
    codecs.BOM_UTF8: ("The file begins with a byte order mark (UTF-8), as no mail does.", "Save it without byte order mark."),
    codecs.BOM_UTF16_LE: _UTF_16,
    codecs.BOM_UTF16_BE: _UTF_16,
    b"From ": (
        "The file begins with the line “From ...” of a mailbox file (mbox).",
        "Remove that line; a file of several messages must be split.",
    ),
}


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
    with path.open("rb") as file:
        start = file.read(5)
    if not start:
        raise _wrong("The file is empty.", remedy="Name a file with a message in .eml form.")
    for sign, (message, remedy) in _NO_MAIL.items():
        if start.startswith(sign):
            raise _wrong(message, remedy)


def _wrong(message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(message, code="message.file", remedy=remedy)
