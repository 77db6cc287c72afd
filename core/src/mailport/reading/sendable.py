"""What must hold of a message that was read before it is sent on.

Reading forgives everything; sending must not: an address that cannot be read would silently get no mail, and a line break that
one server overlooks is a header to another (SEC-05).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mailport.errors import ConfigurationError
from mailport.reading.headers import Headers, Original, split_headers

__all__ = ["check_addresses", "check_sendable"]

# Printable ASCII without the colon, as everywhere; the first line of a mailbox file is no field of a mail that is sent.
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*+)(?:\n|\Z)")
# A bare CR or a NUL is read as the end of a line by some servers, and as nothing by others.
_BREAK = re.compile(rb"[\r\0]")
_ADDRESS_HEADERS = ("from", "reply-to", "to", "cc", "bcc")


def check_sendable(original: Original, *, recipients_elsewhere: bool = False) -> None:
    """Refuse what would be sent otherwise than it reads, naming the header; ``ConfigurationError``.

    ``recipients_elsewhere`` says that the envelope names the recipients, so that the headers need not.
    """
    _check_fields(split_headers(original)[0].replace(b"\r\n", b"\n"))
    check_addresses(original, ("from",) if recipients_elsewhere else _ADDRESS_HEADERS)


def check_addresses(original: Original, names: Iterable[str]) -> None:
    """Refuse an address in one of these headers that cannot be read: it would be left out; ``ConfigurationError``."""
    headers = Headers(original)
    for name in names:
        for entry in headers.mailboxes(name):
            if isinstance(entry, ConfigurationError):
                raise _wrong(f"{name.title()}: {entry.message}", entry.code, name, entry.remedy) from entry


def _check_fields(block: bytes) -> None:
    if not block:
        raise _wrong("The message has no headers: this is no mail.", "message.malformed", remedy="Give a message in .eml form.")
    at = 0
    while at < len(block):
        field = _FIELD.match(block, at)
        if field is None:
            line = block[at:].partition(b"\n")[0][:60].decode("ascii", "replace")
            raise _wrong(f"“{line}” is no header: this is no mail.", "message.malformed", remedy="Give a message in .eml form.")
        if _BREAK.search(field[2]):
            name = field[1].decode("ascii")
            raise _wrong(
                f"The header {name} contains a line break or a NUL.", "message.line_break", name.lower(), "Remove it there."
            )
        at = field.end()


def _wrong(message: str, code: str, field: str | None = None, remedy: str = "") -> ConfigurationError:
    return ConfigurationError(message, code=code, field=field, remedy=remedy)
