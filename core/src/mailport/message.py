"""A message: the same noun for mail sent and mail received, frozen, built from or rendered to RFC 5322 bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import uuid4

from mailport.address import CONTROL, Address, parse_list
from mailport.content import Attachment, Composed, Content
from mailport.errors import ConfigurationError
from mailport.reading import Headers, Original, ReadContent
from mailport.reading.sendable import check_addresses
from mailport.rendering import render

__all__ = ["Address", "Attachment", "AutoSubmitted", "Message"]

_LINE_BREAK = re.compile(r"[\r\n\0]")
_HEADER_NAME = re.compile(r"[!-9;-~]+")  # RFC 5322 section 3.6.8: printable ASCII without the colon
# These have an attribute of their own, or are decided by the rendering.
_OWN_HEADERS = frozenset(
    {
        "from",
        "to",
        "cc",
        "bcc",
        "reply-to",
        "subject",
        "date",
        "message-id",
        "in-reply-to",
        "references",
        "mime-version",
    }
)
# Nothing of these is in the bytes by itself.
_BESIDE = frozenset({"envelope_from", "envelope_to", "conversation_id", "automatic", "notes"})
_LISTS = ("to", "cc", "bcc")

_Addresses: TypeAlias = "str | Address | Iterable[str | Address]"


class AutoSubmitted(StrEnum):
    """Why a mail leaves that no person wrote, in the words of RFC 3834 section 5."""

    GENERATED = "auto-generated"
    """It tells something by itself."""
    REPLIED = "auto-replied"
    """It answers a mail."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One mail.

    ``sender`` is the From address; ``headers`` are further (name, value) pairs in order. ``original`` are the bytes, or the
    file, from which the message was read: it leaves as those bytes, unchanged. ``envelope_from`` overrides the return path
    (an empty string is the null sender), ``envelope_to`` the recipients, without touching a header. ``conversation_id`` is
    what a reply shall be recognised by; the account's rules decide where it stands. ``automatic`` says that no person wrote
    the mail: it leaves with the headers that keep other machines from answering. ``notes`` are what policies tell about their
    changes: they stand in the receipt, and in no mail.

    Raises ``ConfigurationError`` with the field's name for a line break in a header and for a bad header name.
    """

    sender: Address | None = None
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    subject: str = ""
    date: datetime | None = field(default_factory=lambda: datetime.now(UTC))
    message_id: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    content: Content = field(default_factory=Composed)
    original: Original | None = field(default=None, repr=False)
    envelope_from: str | None = None
    envelope_to: tuple[str, ...] | None = None
    conversation_id: str = ""
    automatic: AutoSubmitted | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.original is None:
            _check_headers(self)
            object.__setattr__(self, "subject", " ".join(self.subject.splitlines()).strip())
            if not self.message_id:
                object.__setattr__(self, "message_id", _new_id(self.sender))
        for name, mailbox in (("envelope_from", self.envelope_from or ""), *_each("envelope_to", self.envelope_to)):
            if CONTROL.search(mailbox):
                raise ConfigurationError(f"{name} contains a control character.", code="address.invalid", field=name)

    @classmethod
    def compose(
        cls,
        *,
        sender: str | Address | None = None,
        to: _Addresses = (),
        cc: _Addresses = (),
        bcc: _Addresses = (),
        reply_to: _Addresses = (),
        subject: str = "",
        text: str = "",
        html: str = "",
        attachments: Iterable[Attachment] = (),
        **more: Any,
    ) -> Message:
        """Build a message; addresses may be text (``"Ann <ann@example.org>, bob@example.org"``).

        ``more`` are further attributes of the message. Raises ``ConfigurationError`` that names the field at fault.
        """
        return cls(
            sender=next(iter(_addresses("sender", sender or ())), None),
            to=_addresses("to", to),
            cc=_addresses("cc", cc),
            bcc=_addresses("bcc", bcc),
            reply_to=_addresses("reply_to", reply_to),
            subject=subject,
            content=Composed(text=text, html=html, attachments=tuple(attachments)),
            **more,
        )

    @classmethod
    def read(cls, original: Original) -> Message:
        """Read a message from its bytes, or from the file that holds them; the body is parsed when first asked for.

        Nothing in a message makes this raise: what cannot be read is empty.
        """
        headers = Headers(original)
        return cls(
            sender=next(iter(headers.addresses("from")), None),
            to=headers.addresses("to"),
            cc=headers.addresses("cc"),
            bcc=headers.addresses("bcc"),
            reply_to=headers.addresses("reply-to"),
            subject=headers.get("subject"),
            date=headers.date(),
            message_id=next(iter(headers.ids("message-id")), ""),
            in_reply_to=next(iter(headers.ids("in-reply-to")), ""),
            references=headers.ids("references"),
            headers=tuple((name, value) for name, value in headers.items if name.lower() not in _OWN_HEADERS),
            content=ReadContent(original),
            original=original,
        )

    @property
    def text(self) -> str:
        """The plain text, or an empty string."""
        return self.content.text

    @property
    def html(self) -> str:
        """The HTML text, or an empty string."""
        return self.content.html

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The attachments, inline images included."""
        return self.content.attachments

    @property
    def recipients(self) -> tuple[str, ...]:
        """Every mailbox that shall receive the message, once: ``envelope_to``, else To, Cc and Bcc."""
        if self.envelope_to is not None:
            return tuple(dict.fromkeys(self.envelope_to))
        return tuple(dict.fromkeys(address.mailbox for address in (*self.to, *self.cc, *self.bcc)))

    @property
    def needs_smtputf8(self) -> bool:
        """Whether an address has a non-ASCII local part, which only RFC 6531 can carry."""
        named = (*self.to, *self.cc, *self.bcc, *self.reply_to, *((self.sender,) if self.sender else ()))
        locals_ = (mailbox.rpartition("@")[0] for mailbox in (self.envelope_from or "", *(self.envelope_to or ())))
        return not all(local.isascii() for local in (*locals_, *(address.local_part for address in named)))

    def header(self, name: str) -> str:
        """Return the first further header ``name``, without regard to case, or an empty string."""
        return next((value for other, value in self.headers if other.lower() == name.lower()), "")

    def replace(self, **changes: Any) -> Message:
        """Return a changed copy. Unless only what stands beside the bytes changed, they are written anew.

        Raises ``ConfigurationError`` for a recipient of the original that cannot be read, where the recipients are kept.
        """
        if set(changes) <= _BESIDE or self.original is None:
            return replace(self, **changes)
        if changes.get("envelope_to", self.envelope_to) is None:
            check_addresses(self.original, [name for name in _LISTS if name not in changes])
        # Those that describe the old body go, also where they are given again among others.
        gone = {header for header in self.headers if not _may_stand(header[0])}
        headers = tuple(header for header in changes.get("headers", self.headers) if header not in gone)
        kept = {"content": Composed(text=self.text, html=self.html, attachments=self.attachments)}
        return replace(self, **(kept | changes | {"original": None, "headers": headers}))

    def chunks(self, *, keep_bcc: bool = False) -> Iterator[bytes]:
        """Yield the RFC 5322 bytes in pieces of at most 256 KB; Bcc leaves only where the protocol reads it there."""
        return render(self, keep_bcc=keep_bcc)

    def to_bytes(self, *, keep_bcc: bool = False) -> bytes:
        """Return the RFC 5322 bytes as one piece; ``chunks`` spares the memory for big messages."""
        return b"".join(self.chunks(keep_bcc=keep_bcc))


def _each(name: str, values: tuple[str, ...] | None) -> Iterator[tuple[str, str]]:
    return ((name, value) for value in values or ())


def _new_id(sender: Address | None) -> str:
    domain = sender.ascii_mailbox.rpartition("@")[2] if sender else "localhost"
    return f"<{uuid4().hex}@{domain}>"


def _addresses(name: str, given: _Addresses) -> tuple[Address, ...]:
    items = (given,) if isinstance(given, str | Address) else given
    try:
        return tuple(one for item in items for one in ((item,) if isinstance(item, Address) else parse_list(item)))
    except ConfigurationError as error:
        error.field = error.field or name
        raise


def _may_stand(name: str) -> bool:
    """Whether a further header of that name may be written: the message's own and those of its body are not further."""
    return bool(_HEADER_NAME.fullmatch(name)) and name.lower() not in _OWN_HEADERS and not name.lower().startswith("content-")


def _check_headers(message: Message) -> None:
    ids = {
        "message_id": message.message_id,
        "in_reply_to": message.in_reply_to,
        "references": " ".join(message.references),
    }
    for name, value in ({"subject": message.subject} | ids | dict(message.headers)).items():
        if _LINE_BREAK.search(value):
            raise ConfigurationError(
                f"The header {name} contains a line break.",
                code="message.line_break",
                field=name,
                remedy="Remove the line break: it would start another header.",
            )
    for name, _ in message.headers:
        if not _HEADER_NAME.fullmatch(name):
            raise ConfigurationError(f"“{name[:60]}” is not a header name.", code="message.header_name", field="headers")
        if not _may_stand(name):
            raise ConfigurationError(
                f"The header {name} has an attribute of its own.", code="message.header_name", field="headers"
            )
