"""The tables, by room.

Secrets stand in the columns named ``secrets`` and nowhere else, sealed by ``sealing.py`` before they come here. What happened
to a mail outlives the inbox and the user it names: those are remembered by id and name, without a foreign key.
"""

from __future__ import annotations

from mailport_workspace.tables.access import ApiToken, SignIn
from mailport_workspace.tables.base import Base, Tenant, TenantOwned, new_id, now
from mailport_workspace.tables.deployment import Fact, Gate, SharedToken, Worker
from mailport_workspace.tables.intake import FinishState, IntakeEntry, IntakeState, Quarantined, QueueHandler
from mailport_workspace.tables.journal import JournalEntry, JournalStep, MailDirection, MailKind, Outcome, RawMessage, StepState
from mailport_workspace.tables.outbox import Attempt, OutboxEntry, OutboxState, RecipientReceipt
from mailport_workspace.tables.records import (
    Activity,
    ActivityKind,
    Counter,
    OutsideNumber,
    Person,
    Record,
    RecordAttachment,
    RecordType,
)
from mailport_workspace.tables.tenants import (
    AccountState,
    AuditEntry,
    ConnectionTest,
    ImportConnection,
    Inbox,
    InboxCursor,
    IncomingRule,
    MailConfiguration,
    Role,
    Tab,
    TabRow,
    TenantSecrets,
    User,
)
from mailport_workspace.tables.webhooks import Webhook, WebhookDelivery, WebhookState

__all__ = [
    "AccountState",
    "Activity",
    "ActivityKind",
    "ApiToken",
    "Attempt",
    "AuditEntry",
    "Base",
    "ConnectionTest",
    "Counter",
    "Fact",
    "FinishState",
    "Gate",
    "ImportConnection",
    "Inbox",
    "InboxCursor",
    "IncomingRule",
    "IntakeEntry",
    "IntakeState",
    "JournalEntry",
    "JournalStep",
    "MailConfiguration",
    "MailDirection",
    "MailKind",
    "OutboxEntry",
    "OutboxState",
    "Outcome",
    "OutsideNumber",
    "Person",
    "Quarantined",
    "QueueHandler",
    "RawMessage",
    "RecipientReceipt",
    "Record",
    "RecordAttachment",
    "RecordType",
    "Role",
    "SharedToken",
    "SignIn",
    "StepState",
    "Tab",
    "TabRow",
    "Tenant",
    "TenantOwned",
    "TenantSecrets",
    "User",
    "Webhook",
    "WebhookDelivery",
    "WebhookState",
    "Worker",
    "new_id",
    "now",
]
