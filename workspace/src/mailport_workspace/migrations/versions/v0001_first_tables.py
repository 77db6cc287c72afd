"""The first tables: tenants, users, configuration, inboxes, journal, outbox, quarantine and audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.String(length=32)
WORD = sa.String(length=40)
MOMENT = sa.DateTime(timezone=True)
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "tenants",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("options", DOCUMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenants"),
        sa.UniqueConstraint("name", name="uq_tenants_name"),
    )
    op.create_table(
        "audit_entries",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("user_name", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("field", sa.String(length=200), nullable=False),
        sa.Column("old", sa.Text(), nullable=False),
        sa.Column("new", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_audit_entries_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_audit_entries"),
    )
    op.create_index("ix_audit_entries_tenant_id_at", "audit_entries", ["tenant_id", "at"], unique=False)
    op.create_table(
        "inboxes",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("settings", DOCUMENT, nullable=False),
        sa.Column("secrets", DOCUMENT, nullable=False),
        sa.Column("handling", DOCUMENT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("next_poll_at", MOMENT, nullable=False),
        sa.Column("last_poll_at", MOMENT, nullable=True),
        sa.Column("last_success_at", MOMENT, nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("backlog", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_inboxes_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_inboxes"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_inboxes_tenant_id_name"),
    )
    op.create_index("ix_inboxes_enabled_next_poll_at", "inboxes", ["enabled", "next_poll_at"], unique=False)
    op.create_table(
        "journal_entries",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("direction", WORD, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("message_id", sa.String(length=500), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("recipients", DOCUMENT, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("inbox_id", ID, nullable=True),
        sa.Column("inbox_name", sa.String(length=200), nullable=False),
        sa.Column("delivery_key", sa.String(length=500), nullable=True),
        sa.Column("record_id", ID, nullable=True),
        sa.Column("raw_id", ID, nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Boolean(), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("error_detail", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_journal_entries_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_journal_entries"),
        sa.UniqueConstraint("tenant_id", "inbox_id", "delivery_key", name="uq_journal_entries_tenant_id_inbox_id_delivery_key"),
    )
    op.create_index("ix_journal_entries_record_id", "journal_entries", ["record_id"], unique=False)
    op.create_index("ix_journal_entries_tenant_id_created_at", "journal_entries", ["tenant_id", "created_at"], unique=False)
    op.create_index("ix_journal_entries_tenant_id_message_id", "journal_entries", ["tenant_id", "message_id"], unique=False)
    op.create_table(
        "mail_configurations",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("settings", DOCUMENT, nullable=False),
        sa.Column("secrets", DOCUMENT, nullable=False),
        sa.Column("custom", DOCUMENT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_mail_configurations_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_mail_configurations"),
        sa.UniqueConstraint("tenant_id", name="uq_mail_configurations_tenant_id"),
    )
    op.create_table(
        "raw_messages",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_raw_messages_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_raw_messages"),
    )
    op.create_index("ix_raw_messages_created_at", "raw_messages", ["created_at"], unique=False)
    op.create_table(
        "tab_rows",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("tab", WORD, nullable=False),
        sa.Column("word", sa.String(length=500), nullable=False),
        sa.Column("meaning", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_tab_rows_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_tab_rows"),
        sa.UniqueConstraint("tenant_id", "tab", "word", name="uq_tab_rows_tenant_id_tab_word"),
    )
    op.create_table(
        "users",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", WORD, nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_users_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_users"),
        sa.UniqueConstraint("tenant_id", "email", name="uq_users_tenant_id_email"),
    )
    op.create_table(
        "inbox_cursors",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("cursor", DOCUMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "inbox_id"],
            ["inboxes.tenant_id", "inboxes.id"],
            name="fk_inbox_cursors_tenant_id_inbox_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_inbox_cursors_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_inbox_cursors"),
        sa.UniqueConstraint("tenant_id", "inbox_id", name="uq_inbox_cursors_tenant_id_inbox_id"),
    )
    op.create_table(
        "outbox_entries",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("journal_id", ID, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease", ID, nullable=True),
        sa.Column("leased_at", MOMENT, nullable=True),
        sa.Column("idempotency_key", sa.String(length=200), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "journal_id"],
            ["journal_entries.tenant_id", "journal_entries.id"],
            name="fk_outbox_entries_tenant_id_journal_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_outbox_entries_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_outbox_entries"),
        sa.UniqueConstraint("tenant_id", "idempotency_key", name="uq_outbox_entries_tenant_id_idempotency_key"),
    )
    op.create_index("ix_outbox_entries_state_due_at", "outbox_entries", ["state", "due_at"], unique=False)
    op.create_index(
        "ix_outbox_entries_tenant_id_state_due_at",
        "outbox_entries",
        ["tenant_id", "state", "due_at"],
        unique=False,
    )
    op.create_table(
        "quarantine",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("journal_id", ID, nullable=False),
        sa.Column("code", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("released_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "journal_id"],
            ["journal_entries.tenant_id", "journal_entries.id"],
            name="fk_quarantine_tenant_id_journal_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_quarantine_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_quarantine"),
        sa.UniqueConstraint("tenant_id", "journal_id", name="uq_quarantine_tenant_id_journal_id"),
    )
    op.create_table(
        "attempts",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("outbox_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("outcome", WORD, nullable=True),
        sa.Column("code", sa.String(length=100), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("error_detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "outbox_id"],
            ["outbox_entries.tenant_id", "outbox_entries.id"],
            name="fk_attempts_tenant_id_outbox_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_attempts_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_attempts"),
        sa.UniqueConstraint("tenant_id", "outbox_id", "number", name="uq_attempts_tenant_id_outbox_id_number"),
    )
    op.create_table(
        "receipts",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("attempt_id", ID, nullable=False),
        sa.Column("recipient", sa.String(length=500), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=100), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "attempt_id"],
            ["attempts.tenant_id", "attempts.id"],
            name="fk_receipts_tenant_id_attempt_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_receipts_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_receipts"),
        sa.UniqueConstraint("tenant_id", "attempt_id", "recipient", name="uq_receipts_tenant_id_attempt_id_recipient"),
    )


def downgrade() -> None:
    """Remove the tables."""
    op.drop_table("receipts")
    op.drop_table("attempts")
    op.drop_table("quarantine")
    op.drop_table("outbox_entries")
    op.drop_table("inbox_cursors")
    op.drop_table("users")
    op.drop_table("tab_rows")
    op.drop_table("raw_messages")
    op.drop_table("mail_configurations")
    op.drop_table("journal_entries")
    op.drop_table("inboxes")
    op.drop_table("audit_entries")
    op.drop_table("tenants")
