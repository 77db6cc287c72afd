"""Message files: what is read from disk to be sent, checked before anything leaves.

Reading a received mail forgives everything; sending must not: an address that cannot be read would silently get no mail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.utils import getaddresses
from pathlib import Path

from mailport.address import Address
from mailport.errors import ConfigurationError
from mailport.message import Message
from mailport.reading import split_headers

__all__ = ["read_message"]

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)(?:\n|\Z)")
# A bare CR or a NUL is read as the end of a line by some servers, and as nothing by others (SEC-05).
_BREAK = re.compile(rb"[\r\0]")
_RECIPIENT_HEADERS = frozenset({"to", "cc", "bcc"})
_ADDRESS_HEADERS = _RECIPIENT_HEADERS | {"from", "reply-to"}
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\([^()]*\)')
_GROUP_NAME = re.compile(r"\s*[^:@<]*:")


def read_message(path: Path) -> Message:
    """Return the message in a file. Raises ``ConfigurationError``, at the header at fault where there is one."""
    try:
        _check_file(path)
        recipients = _recipients(list(_fields(split_headers(path)[0].replace(b"\r\n", b"\n"))))
        return Message.read(path).replace(envelope_to=recipients)
    except ConfigurationError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = getattr(error, "strerror", None) or str(error)
        raise _wrong(f"The file cannot be read: {why}.", "message.file", remedy="Check its name.") from error


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise _wrong("This is a folder.", "message.file", remedy="Name the message files in it.")
    if path.exists() and not path.is_file():
        raise _wrong("This is no regular file.", "message.file", remedy="Save the message to a file first.")
    if path.stat().st_size == 0:
        raise _wrong("The file is empty.", "message.file")


def _fields(block: bytes) -> Iterator[tuple[str, str]]:
    """Yield the names and values of a header block, as they stand."""
    at = 0
    while at < len(block):
        found = _FIELD.match(block, at)
        if found is None:
            line = block[at:].partition(b"\n")[0][:60].decode("ascii", "replace")
            raise _wrong(f"“{line}” is no header: this is no mail.", "message.malformed", remedy="Give a file in .eml form.")
        name = found[1].decode("ascii")
        if _BREAK.search(found[2]):
            raise _wrong(f"The header {name} contains a line break or a NUL.", "message.line_break", name.lower())
        yield name.lower(), found[2].decode("utf-8", "replace").replace("\n", "").strip()
        at = found.end()


def _recipients(fields: list[tuple[str, str]]) -> tuple[str, ...]:
    """Check every address of the message and return those that shall receive it."""
    if not any(name == "from" and value for name, value in fields):
        raise _wrong("The message has no From address.", "message.from_missing", "from", "Add a From header.")
    addresses = [(name, _addresses(name, value)) for name, value in fields if name in _ADDRESS_HEADERS]
    return tuple(mailbox for name, mailboxes in addresses if name in _RECIPIENT_HEADERS for mailbox in mailboxes)


def _addresses(name: str, value: str) -> list[str]:
    """Return the mailboxes of an address header; each is checked, and that none was lost in reading.

    The list is taken apart before anything is decoded (RFC 2047 section 6.2): an encoded name may hold commas and addresses.
    """
    pieces = re.split("[,;]", _QUOTED.sub("q", value))
    expected = sum(bool(_GROUP_NAME.sub("", piece, count=1).strip()) for piece in pieces)
    found = [mailbox for _, mailbox in getaddresses([value.replace(";", ",")]) if mailbox]
    for mailbox in found:
        _check_address(name, mailbox)
    if len(found) < expected:
        raise _wrong(f"{name.title()}: “{value[:100]}” is no list of mail addresses.", "address.invalid", name)
    return found


def _check_address(name: str, mailbox: str) -> None:
    try:
        Address(mailbox)
    except ConfigurationError as error:
        raise _wrong(f"{name.title()}: {error.message}", error.code, name, error.remedy) from error


def _wrong(message: str, code: str, field: str | None = None, remedy: str = "") -> ConfigurationError:
    return ConfigurationError(message, code=code, field=field, remedy=remedy)
