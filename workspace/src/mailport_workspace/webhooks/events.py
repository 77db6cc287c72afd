"""The events that other systems can be told about."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["EVENT_MEANINGS", "Event"]


class Event(StrEnum):
    """Something that happened to a mail, a record or an account of a tenant."""

    MAIL_SENT = "mail.sent"
    MAIL_REFUSED = "mail.refused"
    MAIL_HELD = "mail.held"
    MAIL_RECEIVED = "mail.received"
    MAIL_QUARANTINED = "mail.quarantined"
    MAIL_BOUNCED = "mail.bounced"
    RECORD_CREATED = "record.created"
    RECORD_UPDATED = "record.updated"
    INBOX_FAILING = "inbox.failing"
    ACCOUNT_REFUSED = "account.refused"
    WEBHOOK_TEST = "webhook.test"


EVENT_MEANINGS: dict[Event, str] = {
    Event.MAIL_SENT: "Every recipient of an outgoing mail was accepted.",
    Event.MAIL_REFUSED: "Recipients of an outgoing mail were refused for good, or its attempts are used up.",
    Event.MAIL_HELD: "An outgoing mail waits for a person.",
    Event.MAIL_RECEIVED: "An incoming mail is processed.",
    Event.MAIL_QUARANTINED: "An incoming mail waits for a person.",
    Event.MAIL_BOUNCED: "A report came that a mail was not delivered.",
    Event.RECORD_CREATED: "A record was made.",
    Event.RECORD_UPDATED: "Fields or the state of a record changed.",
    Event.INBOX_FAILING: "An inbox makes no progress.",
    Event.ACCOUNT_REFUSED: "The mail server refused the credentials of an account.",
    Event.WEBHOOK_TEST: "A person asked for a test; every webhook gets its own.",
}
