"""Header fields: folded at spaces, encoded where they are not plain ASCII, ids and addresses never touched.

The standard library's folding writes long message ids as encoded words, which breaks threading, and encoded words into
addresses, which is illegal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from email.utils import format_datetime
from typing import TYPE_CHECKING

from mailport.address import Address
from mailport.rendering.words import LINE, encoded_words

if TYPE_CHECKING:
    from mailport.message import Message

__all__ = ["head", "text_field"]

_LONGEST = 900  # octets of a word that is not encoded; a line may have 998 (RFC 5322 section 2.1.1)
_PLAIN = re.compile(r"[!-~](?:[\t -~]*[!-~])?")
_WORD = re.compile(r"[\t ]*[!-~]+")
_ATOMS = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?: [\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_LONGEST_NAME = 60
_NAME_USED = 15  # leaves room for the name of the field before the words of a display name


def head(message: Message, *, keep_bcc: bool) -> Iterator[str]:
    """Yield the fields of the message itself, each with its line end; those of its body come with the body."""
    bcc = message.bcc if keep_bcc else ()
    senders = (message.sender,) if message.sender else ()
    lists = (("From", senders), ("To", message.to), ("Cc", message.cc), ("Bcc", bcc), ("Reply-To", message.reply_to))
    yield from (_address_field(name, addresses) for name, addresses in lists if addresses)
    yield text_field("Subject", message.subject)
    if message.date is not None:
        yield f"Date: {format_datetime(message.date)}\r\n"
    ids = (("Message-ID", (message.message_id,)), ("In-Reply-To", (message.in_reply_to,)), ("References", message.references))
    yield from filter(None, (_id_field(name, values) for name, values in ids))
    yield from (text_field(name, value) for name, value in message.headers if value)


def text_field(name: str, value: str) -> str:
    """Return a field that is read back as ``value``: what looks like an encoded word is encoded as well."""
    if len(name) + len(value) < LINE and _PLAIN.fullmatch(value) and "=?" not in value:
        return f"{name}: {value}\r\n"
    if not value:
        return f"{name}:\r\n"
    words = _WORD.findall(f" {value}")
    if _PLAIN.fullmatch(value) and "=?" not in value and max(map(len, words)) <= _LONGEST:
        return _folded(name, words)
    return _folded(name, (f" {word}" for word in encoded_words(value, used=len(name) + 2)))


def _folded(name: str, words: Iterable[str]) -> str:
    """Join words that begin with white space; a line is begun before it, so that unfolding gives the same text."""
    lines, line, has_word = list[str](), f"{name}:", False
    for word in words:
        if has_word and len(line) + len(word) > LINE:
            lines.append(line)
            line = ""
        line += word
        has_word = True
    return "\r\n".join([*lines, line, ""])


def _id_field(name: str, ids: Iterable[str]) -> str:
    """Ids go on lines of their own, as they are; one that no header can hold was never a valid id, and is left out."""
    words = [f" {one}" for value in ids for one in value.split() if one.isascii() and len(one) <= _LONGEST]
    return "\r\n".join([f"{name}:{words[0]}", *words[1:], ""]) if words else ""


def _address_field(name: str, addresses: Iterable[Address]) -> str:
    entries = [_entry(address) for address in addresses]
    for entry in entries[:-1]:
        entry[-1] += ","
    return _folded(name, (f" {word}" for entry in entries for word in entry))


def _entry(address: Address) -> list[str]:
    """Return one address as words that may be folded between."""
    if not address.display_name:
        return [address.ascii_mailbox]
    return [*_phrase(address.display_name), f"<{address.ascii_mailbox}>"]


def _phrase(name: str) -> list[str]:
    if len(name) > _LONGEST_NAME or not _PLAIN.fullmatch(name) or "=?" in name or "\t" in name:
        return encoded_words(name, used=_NAME_USED)
    if _ATOMS.fullmatch(name):
        return [name]
    escaped = re.sub(r'(["\\])', r"\\\1", name)
    return [f'"{escaped}"']
