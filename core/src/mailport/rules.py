"""The fields that every protocol shares: what happens to a mail before it leaves and after it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from mailport.address import parse_list
from mailport.fields import ComponentType, setting

__all__ = [
    "ConversationIdLocation",
    "ConversationIdStyle",
    "EmbeddedImageType",
    "IncomingRules",
    "OutgoingRules",
    "RecognitionRules",
    "UncertainAction",
]


class EmbeddedImageType(StrEnum):
    """How an image in the HTML travels."""

    CID = "cid"
    BASE64 = "base64"


class ConversationIdLocation(StrEnum):
    """Where the conversation id stands."""

    SUBJECT = "subject"
    BODY = "body"


class ConversationIdStyle(StrEnum):
    """How a conversation id in the body looks."""

    FOOTER = "footer"
    QUIET = "quiet"


class UncertainAction(StrEnum):
    """What happens to a message that was handed over without an answer and cannot be looked up."""

    HOLD = "hold"
    RESEND = "resend"


def _addresses(value: str) -> str:
    return ", ".join(address.mailbox for address in parse_list(value))


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


_RULES = ConfigDict(frozen=True, extra="forbid", defer_build=True, hide_input_in_errors=True)


class OutgoingRules(BaseModel):
    """The rules of an outgoing account."""

    model_config = _RULES

    send_mail_timeout: int = setting(
        100,
        label="Send Mail Timeout",
        help="Seconds without any progress after which a mail counts as failed.",
        ge=1,
        le=1000,
    )
    block_outgoing_email: bool = setting(
        False, label="Block Outgoing Email", help="Nothing leaves; every mail is kept and can be sent again later."
    )
    email_address_override: Annotated[str, AfterValidator(_addresses)] = setting(
        "",
        label="Email Address Override",
        help="Addresses, separated by commas, that receive every mail instead of its recipients.",
        placeholder="test@example.org, second@example.org",
    )
    embedded_image_type: EmbeddedImageType = setting(
        EmbeddedImageType.CID,
        label="Embedded Image Type",
        help="Attached images suit Exchange and Outlook, inline images suit Domino.",
        choices={"cid": "Attached Images (CID)", "base64": "Inline Images (Base64)"},
    )
    attach_conversation_id: bool = setting(False, label="Attach Conversation ID to Outgoing Email")
    conversation_id_location: ConversationIdLocation = setting(
        ConversationIdLocation.SUBJECT,
        label="Conversation ID Location",
        choices={"body": "Body (plain text)", "subject": "Subject"},
    )
    conversation_id_style: ConversationIdStyle = setting(
        ConversationIdStyle.FOOTER,
        label="Conversation ID Style",
        help="How the id stands in the body: a visible line at its end, or out of sight.",
        choices={"footer": "Footer line", "quiet": "Quiet"},
        advanced=True,
    )
    conversation_id_prefix: str = setting("", label="Conversation ID Prefix", placeholder="Ref:", max_length=40)
    uncertain_action: UncertainAction = setting(
        UncertainAction.HOLD,
        label="Uncertain Send",
        help="What to do with a mail that the server took without an answer, when it cannot be looked up.",
        choices={"hold": "Hold for a person", "resend": "Send again"},
        advanced=True,
    )


class IncomingRules(BaseModel):
    """The rules of an incoming account."""

    model_config = _RULES

    keep_full_incoming_message: bool = setting(False, label="Keep Full Incoming Message as an Attachment")
    email_component_type: Annotated[ComponentType, BeforeValidator(_lower)] = setting(
        ComponentType.BASIC,  # a stored record without a value is an old one (CMP-01)
        label="Email Component Type",
        help="Basic: password logins and TLS 1.0 at most, for old servers. Advanced: every login, TLS 1.2 and up.",
        choices={"basic": "Basic", "advanced": "Advanced"},
    )
    poll_interval: int = setting(60, label="Poll Interval", help="Seconds between two polls.", ge=10, le=86400)
    max_message_size: int = setting(
        50 * 1024 * 1024,
        label="Largest message",
        help="Bytes. A larger message stays in the mailbox and is listed, until a person decides.",
        ge=1024,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognitionRules:
    """What a tenant tells about the mail it gets: the tabs of its configuration, as recognisers need them.

    Texts are compared without regard to case. ``own_addresses`` are the mailboxes of the tenant and ``own_domains`` its
    domains. Senders are addresses or domains. ``truncate_at`` are the texts at which a stored body ends. The keyword tables
    map the first word of a reply to a status; ``object_words`` map a word in the subject to a record type.
    ``conversation_secrets`` and ``conversation_prefixes`` hold the present and every former one, the present first.
    ``strict_compatibility`` asks for the lossy readings of the reference product.
    """

    own_addresses: tuple[str, ...] = ()
    own_domains: tuple[str, ...] = ()
    allowed_senders: tuple[str, ...] = ()
    denied_senders: tuple[str, ...] = ()
    ignored_subjects: tuple[str, ...] = ()
    failure_subjects: tuple[str, ...] = ()
    truncate_at: tuple[str, ...] = ()
    status_keywords: Mapping[str, str] = field(default_factory=dict)
    approval_keywords: Mapping[str, str] = field(default_factory=lambda: {"accepted": "accepted", "rejected": "rejected"})
    object_words: Mapping[str, str] = field(default_factory=lambda: {"Incident": "incident"})
    conversation_secrets: tuple[bytes, ...] = field(default=(), repr=False)
    conversation_prefixes: tuple[str, ...] = ("Ref:",)
    field_separator: str = "::"
    record_marker: str = "----"
    strict_compatibility: bool = False
