"""The service: outbox, intake, records, access, webhooks and what workers share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.String(length=32)
WORD = sa.String(length=40)
MOMENT = sa.DateTime(timezone=True)
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Make the tables and columns, room by room."""
    _add_deployment()
    _add_access()
    _add_tenants()
    _add_records()
    _add_journal()
    _add_intake()
    _add_outbox()
    _add_webhooks()


def _add_deployment() -> None:
    """Add workers, limits on strangers, shared tokens, facts."""
    op.create_table(
        "facts",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("value", DOCUMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_facts"),
    )
    op.create_table(
        "gates",
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("arrival", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_gates"),
    )
    op.create_table(
        "shared_tokens",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("lease", ID, nullable=True),
        sa.Column("leased_until", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_shared_tokens"),
    )
    op.create_table(
        "workers",
        sa.Column("id", ID, nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("beat_at", MOMENT, nullable=False),
        sa.Column("lag", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
    )


def _add_access() -> None:
    """Add API tokens, signed-in browsers."""
    op.create_table(
        "api_tokens",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("scopes", DOCUMENT, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("last_used_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_api_tokens_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_api_tokens"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_api_tokens_tenant_id_name"),
    )
    op.create_table(
        "sign_ins",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("csrf_digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "user_id"], ["users.tenant_id", "users.id"], name="fk_sign_ins_tenant_id_user_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_sign_ins_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_sign_ins"),
    )


def _add_tenants() -> None:
    """Add account states, tests of connections, incoming rules, further secrets, and how inboxes fare."""
    op.create_table(
        "account_states",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("subject", ID, nullable=False),
        sa.Column("circuit_opened_at", MOMENT, nullable=True),
        sa.Column("circuit_version", sa.Integer(), nullable=False),
        sa.Column("circuit_code", sa.String(length=100), nullable=False),
        sa.Column("circuit_error", sa.Text(), nullable=False),
        sa.Column("wait_until", MOMENT, nullable=True),
        sa.Column("waits_since", MOMENT, nullable=True),
        sa.Column("arrival", MOMENT, nullable=True),
        sa.Column("test_result", DOCUMENT, nullable=False),
        sa.Column("tested_at", MOMENT, nullable=True),
        sa.Column("credential_ends_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_account_states_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_account_states"),
        sa.UniqueConstraint("tenant_id", "subject", name="uq_account_states_tenant_id_subject"),
    )
    op.create_table(
        "connection_tests",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("subject", ID, nullable=False),
        sa.Column("settings", DOCUMENT, nullable=False),
        sa.Column("secrets", DOCUMENT, nullable=False),
        sa.Column("round_trip", sa.Boolean(), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("report", DOCUMENT, nullable=False),
        sa.Column("lease", ID, nullable=True),
        sa.Column("leased_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_connection_tests_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_connection_tests"),
    )
    op.create_index(
        "ix_connection_tests_finished_at_created_at", "connection_tests", ["finished_at", "created_at"], unique=False
    )
    op.create_table(
        "import_connections",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("stylesheet", sa.Text(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_import_connections_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_import_connections"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_import_connections_tenant_id_name"),
    )
    op.create_table(
        "incoming_rules",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("skip", sa.Boolean(), nullable=False),
        sa.Column("inbox_id", ID, nullable=True),
        sa.Column("conditions", DOCUMENT, nullable=False),
        sa.Column("action", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_incoming_rules_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_incoming_rules"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_incoming_rules_tenant_id_name"),
    )
    op.create_index("ix_incoming_rules_tenant_id_position", "incoming_rules", ["tenant_id", "position"], unique=False)
    op.create_table(
        "tenant_secrets",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("secrets", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_tenant_secrets_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_tenant_secrets"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_tenant_secrets_tenant_id_name"),
    )
    with op.batch_alter_table("inboxes") as batch:
        batch.add_column(sa.Column("last_error_code", sa.String(length=100), server_default="", nullable=False))
        batch.add_column(sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
        batch.add_column(sa.Column("shard", sa.Integer(), server_default="0", nullable=False))
        batch.add_column(sa.Column("mailbox_key", sa.String(length=64), server_default="", nullable=False))
        batch.add_column(sa.Column("lease", ID, nullable=True))
        batch.add_column(sa.Column("leased_until", MOMENT, nullable=True))
        batch.create_index("ix_inboxes_mailbox_key", ["mailbox_key"], unique=False)
        batch.create_index("ix_inboxes_shard_enabled_next_poll_at", ["shard", "enabled", "next_poll_at"], unique=False)


def _add_records() -> None:
    """Add the embedded record store."""
    op.create_table(
        "counters",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_counters_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_counters"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_counters_tenant_id_name"),
    )
    op.create_table(
        "outside_numbers",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("number", sa.String(length=200), nullable=False),
        sa.Column("system", sa.String(length=200), nullable=False),
        sa.Column("record_type", sa.String(length=100), nullable=False),
        sa.Column("record_id", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_outside_numbers_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_outside_numbers"),
        sa.UniqueConstraint("tenant_id", "number", name="uq_outside_numbers_tenant_id_number"),
    )
    op.create_table(
        "people",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("unit", sa.String(length=200), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_people_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_people"),
        sa.UniqueConstraint("tenant_id", "email", name="uq_people_tenant_id_email"),
    )
    op.create_table(
        "record_types",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("definition", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_record_types_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_record_types"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_record_types_tenant_id_name"),
    )
    op.create_table(
        "records",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("number", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=100), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("fields", DOCUMENT, nullable=False),
        sa.Column("person_id", ID, nullable=True),
        sa.Column("parent_id", ID, nullable=True),
        sa.Column("opened_by", sa.String(length=200), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_records_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_records"),
        sa.UniqueConstraint("tenant_id", "opened_by", name="uq_records_tenant_id_opened_by"),
        sa.UniqueConstraint("tenant_id", "type", "number", name="uq_records_tenant_id_type_number"),
    )
    op.create_index("ix_records_person_id", "records", ["person_id"], unique=False)
    op.create_index("ix_records_tenant_id_type_state", "records", ["tenant_id", "type", "state"], unique=False)
    op.create_index("ix_records_tenant_id_updated_at", "records", ["tenant_id", "updated_at"], unique=False)
    op.create_table(
        "activities",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("record_id", ID, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("author", sa.String(length=320), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("changes", DOCUMENT, nullable=False),
        sa.Column("journal_id", ID, nullable=True),
        sa.Column("person_id", ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "record_id"],
            ["records.tenant_id", "records.id"],
            name="fk_activities_tenant_id_record_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_activities_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_activities"),
        sa.UniqueConstraint("tenant_id", "record_id", "key", name="uq_activities_tenant_id_record_id_key"),
    )
    op.create_index("ix_activities_tenant_id_person_id", "activities", ["tenant_id", "person_id"], unique=False)
    op.create_table(
        "record_attachments",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("record_id", ID, nullable=False),
        sa.Column("activity_id", ID, nullable=True),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("content_type", sa.String(length=200), nullable=False),
        sa.Column("content_id", sa.String(length=500), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("raw_id", ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "record_id"],
            ["records.tenant_id", "records.id"],
            name="fk_record_attachments_tenant_id_record_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_record_attachments_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_record_attachments"),
    )
    op.create_index("ix_record_attachments_tenant_id_record_id", "record_attachments", ["tenant_id", "record_id"], unique=False)


def _add_journal() -> None:
    """Add steps of a mail, and which record it belongs to."""
    op.create_table(
        "journal_steps",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("journal_id", ID, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("step", sa.String(length=40), nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("code", sa.String(length=100), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "journal_id"],
            ["journal_entries.tenant_id", "journal_entries.id"],
            name="fk_journal_steps_tenant_id_journal_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_journal_steps_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_journal_steps"),
    )
    op.create_index("ix_journal_steps_tenant_id_journal_id", "journal_steps", ["tenant_id", "journal_id"], unique=False)
    with op.batch_alter_table("journal_entries") as batch:
        batch.add_column(sa.Column("record_type", sa.String(length=100), server_default="", nullable=False))
        batch.add_column(sa.Column("record_number", sa.String(length=100), server_default="", nullable=False))
        batch.add_column(sa.Column("person_id", sa.String(length=200), nullable=True))
        batch.add_column(sa.Column("conversation_id", sa.String(length=100), server_default="", nullable=False))
        batch.add_column(sa.Column("related_id", ID, nullable=True))
        batch.add_column(sa.Column("outcome", WORD, nullable=True))
        batch.add_column(sa.Column("body_text", sa.Text(), server_default="", nullable=False))
        batch.add_column(sa.Column("content_hash", sa.String(length=64), server_default="", nullable=False))
        batch.add_column(sa.Column("attempts", sa.Integer(), server_default="0", nullable=False))
        batch.add_column(sa.Column("traceparent", sa.String(length=55), server_default="", nullable=False))
        batch.alter_column("record_id", existing_type=ID, type_=sa.String(length=200), existing_nullable=True)
        batch.create_index("ix_journal_entries_tenant_id_content_hash", ["tenant_id", "content_hash"], unique=False)
        batch.create_index("ix_journal_entries_tenant_id_conversation_id", ["tenant_id", "conversation_id"], unique=False)
        batch.create_index(
            "ix_journal_entries_tenant_id_record_type_record_id", ["tenant_id", "record_type", "record_id"], unique=False
        )


def _add_intake() -> None:
    """Add processing of incoming mail."""
    op.create_table(
        "queue_handlers",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("queue", sa.String(length=100), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("batch_size", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("timeout_minutes", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("data_with_dispatch", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_queue_handlers_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_queue_handlers"),
        sa.UniqueConstraint("tenant_id", "queue", name="uq_queue_handlers_tenant_id_queue"),
    )
    op.create_table(
        "intake_entries",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("journal_id", ID, nullable=False),
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("queue", sa.String(length=100), nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease", ID, nullable=True),
        sa.Column("leased_at", MOMENT, nullable=True),
        sa.Column("last_code", sa.String(length=100), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("finish", WORD, nullable=False),
        sa.Column("action", sa.String(length=300), nullable=False),
        sa.Column("finish_attempts", sa.Integer(), nullable=False),
        sa.Column("moved_key", sa.String(length=500), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "journal_id"],
            ["journal_entries.tenant_id", "journal_entries.id"],
            name="fk_intake_entries_tenant_id_journal_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_intake_entries_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_intake_entries"),
        sa.UniqueConstraint("tenant_id", "journal_id", name="uq_intake_entries_tenant_id_journal_id"),
    )
    op.create_index("ix_intake_entries_state_due_at", "intake_entries", ["state", "due_at"], unique=False)
    op.create_index(
        "ix_intake_entries_tenant_id_inbox_id_finish", "intake_entries", ["tenant_id", "inbox_id", "finish"], unique=False
    )
    op.create_index(
        "ix_intake_entries_tenant_id_state_due_at", "intake_entries", ["tenant_id", "state", "due_at"], unique=False
    )
    with op.batch_alter_table("quarantine") as batch:
        batch.add_column(sa.Column("decision", sa.String(length=20), server_default="", nullable=False))


def _add_outbox() -> None:
    """Add what the drainer needs beside the mail."""
    with op.batch_alter_table("outbox_entries") as batch:
        batch.add_column(sa.Column("envelope", DOCUMENT, server_default="{}", nullable=False))
        batch.add_column(sa.Column("automatic", sa.String(length=20), server_default="", nullable=False))
        batch.add_column(sa.Column("origin", sa.String(length=40), server_default="api", nullable=False))
        batch.add_column(sa.Column("parent_id", ID, nullable=True))
        batch.add_column(sa.Column("lookups", sa.Integer(), server_default="0", nullable=False))
        batch.add_column(sa.Column("last_code", sa.String(length=100), server_default="", nullable=False))
        batch.add_column(sa.Column("reason", sa.Text(), server_default="", nullable=False))
        batch.add_column(sa.Column("finished_at", MOMENT, nullable=True))


def _add_webhooks() -> None:
    """Add webhooks and their deliveries."""
    op.create_table(
        "webhooks",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", DOCUMENT, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("secrets", DOCUMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_webhooks_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_webhooks"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_webhooks_tenant_id_name"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("webhook_id", ID, nullable=False),
        sa.Column("event", sa.String(length=100), nullable=False),
        sa.Column("payload", DOCUMENT, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease", ID, nullable=True),
        sa.Column("leased_at", MOMENT, nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "webhook_id"],
            ["webhooks.tenant_id", "webhooks.id"],
            name="fk_webhook_deliveries_tenant_id_webhook_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_webhook_deliveries_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_webhook_deliveries"),
    )
    op.create_index("ix_webhook_deliveries_state_due_at", "webhook_deliveries", ["state", "due_at"], unique=False)
    op.create_index(
        "ix_webhook_deliveries_tenant_id_state_due_at", "webhook_deliveries", ["tenant_id", "state", "due_at"], unique=False
    )


def downgrade() -> None:
    """Drop them again."""
    for table in _TABLES:
        op.drop_table(table)
    with op.batch_alter_table("inboxes") as batch:
        batch.drop_index("ix_inboxes_shard_enabled_next_poll_at")
        batch.drop_index("ix_inboxes_mailbox_key")
        for column in (
            "leased_until",
            "lease",
            "mailbox_key",
            "shard",
            "failures",
            "last_error_code",
        ):
            batch.drop_column(column)
    with op.batch_alter_table("journal_entries") as batch:
        batch.drop_index("ix_journal_entries_tenant_id_record_type_record_id")
        batch.drop_index("ix_journal_entries_tenant_id_conversation_id")
        batch.drop_index("ix_journal_entries_tenant_id_content_hash")
        batch.alter_column("record_id", existing_type=sa.String(length=200), type_=ID, existing_nullable=True)
        for column in (
            "traceparent",
            "attempts",
            "content_hash",
            "body_text",
            "outcome",
            "related_id",
            "conversation_id",
            "person_id",
            "record_number",
            "record_type",
        ):
            batch.drop_column(column)
    with op.batch_alter_table("outbox_entries") as batch:
        for column in (
            "finished_at",
            "reason",
            "last_code",
            "lookups",
            "parent_id",
            "origin",
            "automatic",
            "envelope",
        ):
            batch.drop_column(column)
    with op.batch_alter_table("quarantine") as batch:
        for column in ("decision",):
            batch.drop_column(column)


_TABLES = (
    "webhook_deliveries",
    "webhooks",
    "intake_entries",
    "queue_handlers",
    "journal_steps",
    "record_attachments",
    "activities",
    "records",
    "record_types",
    "people",
    "outside_numbers",
    "counters",
    "tenant_secrets",
    "incoming_rules",
    "import_connections",
    "connection_tests",
    "account_states",
    "sign_ins",
    "api_tokens",
    "workers",
    "shared_tokens",
    "gates",
    "facts",
)
"""What was made, those first that refer to others."""
