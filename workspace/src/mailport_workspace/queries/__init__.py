"""The queries, by name and room: no other module writes a statement or touches a session."""

from __future__ import annotations

from mailport_workspace.queries.journal import JournalQueries
from mailport_workspace.queries.outbox import OutboxQueries
from mailport_workspace.queries.tenants import AcrossTenants, TenantQueries

__all__ = ["OperatorRows", "TenantRows"]


class TenantRows(TenantQueries, JournalQueries, OutboxQueries):
    """The rows of one tenant, within one transaction."""


class OperatorRows(AcrossTenants):
    """The rows of all tenants, within one transaction."""
