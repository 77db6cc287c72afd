"""A mail as a caller writes it: every field is checked at its place, so that the answer can point there (SEC-05)."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from mailport import Address, Attachment, Message
from mailport.errors import ConfigurationError, UnsupportedFeature
from mailport_workspace.api.errors import below
from mailport_workspace.api.shapes import Input, Text

__all__ = [
    "LARGEST_MAIL",
    "IdempotencyKey",
    "Mailbox",
    "Mailboxes",
    "NewAttachment",
    "NewMail",
    "NewRecord",
    "RawOptions",
    "decoded",
    "mailbox_of",
    "named_attachment",
]

LARGEST_MAIL = 50 * 1024 * 1024
"""Bytes of a request that brings a mail; base64 makes an attachment a third larger."""
MOST_RECIPIENTS = 10_000

_LINE_BREAK = re.compile(r"[\r\n\0\x85\u2028\u2029]")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,490}>")


def _one_line(value: str) -> str:
    if _LINE_BREAK.search(value):
        raise PydanticCustomError("line_break", "a line break or a NUL may not stand here")
    return value


def _address(value: str) -> str:
    try:
        Address.parse(_one_line(value)).ascii_mailbox  # noqa: B018 - a domain that cannot be encoded is refused here
    except (ConfigurationError, UnsupportedFeature) as error:
        raise PydanticCustomError("address", "{said}", {"said": error.message.rstrip(".")}) from error
    return value


def _message_id(value: str) -> str:
    if not _MESSAGE_ID.fullmatch(_one_line(value)):
        raise PydanticCustomError("message_id", "a message id looks like <…@…>, in angle brackets")
    return value


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


OneLine = Annotated[str, AfterValidator(_one_line)]
Mailbox = Annotated[str, AfterValidator(_address), Field(examples=["Ann <ann@example.org>"])]
Mailboxes = Annotated[list[Mailbox], BeforeValidator(_as_list), Field(max_length=MOST_RECIPIENTS)]
MessageId = Annotated[str, AfterValidator(_message_id), Field(examples=["<20261124.1@example.org>"])]
IdempotencyKey = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[!-~]+$")]


class NewRecord(Input):
    """The record that a mail is about: its type, and its id or the number that people use."""

    type: Annotated[OneLine, Field(min_length=1, max_length=100)]
    id: Annotated[OneLine, Field(max_length=200)] = ""
    number: Annotated[OneLine, Field(max_length=100)] = ""


class NewAttachment(Input):
    """A file of a mail. ``content`` is base64; ``content_id`` is what ``cid:`` URLs of the HTML name."""

    filename: Annotated[OneLine, Field(min_length=1, max_length=500)]
    content: Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})]
    content_type: Annotated[OneLine, Field(max_length=200)] = "application/octet-stream"
    content_id: Annotated[OneLine, Field(max_length=490)] = ""
    inline: bool | None = None

    def attachment(self) -> Attachment:
        """Return it decoded. Raises ``ConfigurationError`` naming ``content`` or ``content_type``."""
        try:
            content = base64.b64decode(self.content, validate=True)
        except ValueError as error:
            raise ConfigurationError("The content is no base64.", code="message.base64", field="content") from error
        try:
            return named_attachment(self.filename, content, self.content_type, self.content_id, inline=self.inline)
        except ConfigurationError as error:
            error.field = "content_type"
            raise


class NewHeader(Input):
    """A further header, such as ``List-Unsubscribe``."""

    name: Annotated[str, StringConstraints(pattern=r"^[!-9;-~]{1,200}$")]
    value: Annotated[OneLine, Field(max_length=20_000)]


class SendOptions(Input):
    """What does not stand in the mail itself.

    ``send_at`` is when it leaves, at the earliest; a higher ``priority`` leaves first; ``hold`` keeps it until a person
    releases it; ``envelope_from`` is the return path where it differs, ``envelope_to`` who receives it in place of To, Cc, Bcc.
    """

    send_at: AwareDatetime | None = None
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    hold: bool = False
    envelope_from: Mailbox | None = None
    envelope_to: Mailboxes = Field(default_factory=list)

    def envelope(self) -> dict[str, Any]:
        """Return the attributes of a message that stand beside its bytes."""
        sender = {"envelope_from": mailbox_of(self.envelope_from)} if self.envelope_from else {}
        return sender | ({"envelope_to": tuple(map(mailbox_of, self.envelope_to))} if self.envelope_to else {})


class RawOptions(SendOptions):
    """The options of a complete message; ``record_type`` and ``record_number`` name the record that it is about."""

    record_type: Annotated[OneLine, Field(max_length=100)] = ""
    record_number: Annotated[OneLine, Field(max_length=100)] = ""

    @property
    def wanted_record(self) -> NewRecord | None:
        """The record that the mail is about."""
        is_named = bool(self.record_type or self.record_number)
        return NewRecord.model_construct(type=self.record_type, number=self.record_number) if is_named else None


class NewMail(SendOptions):
    """A mail that is to be sent. Without ``sender`` it leaves from the address of the tenant's account."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "to": ["Ann <ann@example.org>"],
                    "subject": "Your order",
                    "text": "It is on its way.",
                    "record": {"type": "incident", "number": "INC1001"},
                }
            ]
        }
    )

    record: NewRecord | None = None
    sender: Mailbox | None = None
    to: Mailboxes = Field(default_factory=list)
    cc: Mailboxes = Field(default_factory=list)
    bcc: Mailboxes = Field(default_factory=list)
    reply_to: Mailboxes = Field(default_factory=list)
    subject: Annotated[OneLine, Field(max_length=10_000)] = ""
    text: Text = ""
    html: Text = ""
    attachments: Annotated[list[NewAttachment], Field(max_length=200)] = Field(default_factory=list)
    headers: Annotated[list[NewHeader], Field(max_length=200)] = Field(default_factory=list)
    in_reply_to: MessageId | None = None
    references: Annotated[list[MessageId], BeforeValidator(_as_list), Field(max_length=100)] = Field(default_factory=list)

    @property
    def wanted_record(self) -> NewRecord | None:
        """The record that the mail is about."""
        return self.record

    def message(self, more: Sequence[Attachment] = ()) -> Message:
        """Return the message, with the uploaded files. Raises ``ConfigurationError`` naming the field at fault."""
        return Message.compose(
            sender=self.sender,
            to=self.to,
            cc=self.cc,
            bcc=self.bcc,
            reply_to=self.reply_to,
            subject=self.subject,
            text=self.text,
            html=self.html,
            attachments=[*decoded(self.attachments), *more],
            headers=tuple((header.name, header.value) for header in self.headers),
            in_reply_to=self.in_reply_to or "",
            references=tuple(self.references),
            **self.envelope(),
        )


def named_attachment(name: str, content: bytes, kind: str, content_id: str, *, inline: bool | None = None) -> Attachment:
    """Return a file of a mail; one with a content id is shown in the HTML unless said otherwise."""
    is_inline = bool(content_id) if inline is None else inline
    return Attachment(filename=name, content=content, content_type=kind, content_id=content_id or None, inline=is_inline)


def decoded(attachments: Sequence[NewAttachment]) -> list[Attachment]:
    """Return attachments of a body decoded; an error points at the one that is wrong."""
    return [_decode(number, attachment) for number, attachment in enumerate(attachments)]


def _decode(number: int, attachment: NewAttachment) -> Attachment:
    with below(lambda field: ["attachments", str(number), field]):
        return attachment.attachment()


def mailbox_of(address: str) -> str:
    """Return the bare address of a checked one."""
    return Address.parse(address).mailbox
