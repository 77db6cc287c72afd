"""The queries, by name and room: no other module writes a statement or touches a session."""

from __future__ import annotations

from mailport_workspace.queries.access import AccessQueries, AcrossAccess
from mailport_workspace.queries.clock import AcrossClock
from mailport_workspace.queries.connection_tests import AcrossConnectionTests, ConnectionTestQueries
from mailport_workspace.queries.deployment import AcrossDeployment
from mailport_workspace.queries.draining import DrainQueries
from mailport_workspace.queries.intake import AcrossIntake, IntakeQueries
from mailport_workspace.queries.journal import JournalQueries
from mailport_workspace.queries.observing import AcrossObserving
from mailport_workspace.queries.outbox import AcrossOutbox, OutboxQueries
from mailport_workspace.queries.overview import AcrossOverview, OverviewQueries
from mailport_workspace.queries.processing import ProcessingQueries
from mailport_workspace.queries.records import RecordQueries
from mailport_workspace.queries.tenants import AcrossTenants, TenantQueries
from mailport_workspace.queries.upkeep import AcrossUpkeep, UpkeepQueries
from mailport_workspace.queries.webhooks import AcrossWebhooks, WebhookQueries

__all__ = ["OperatorRows", "TenantRows"]


class TenantRows(
    TenantQueries,
    AccessQueries,
    JournalQueries,
    OverviewQueries,
    OutboxQueries,
    DrainQueries,
    ProcessingQueries,
    RecordQueries,
    WebhookQueries,
    IntakeQueries,
    ConnectionTestQueries,
    UpkeepQueries,
):
    """The rows of one tenant, within one transaction."""


class OperatorRows(
    AcrossTenants,
    AcrossAccess,
    AcrossClock,
    AcrossWebhooks,
    AcrossDeployment,
    AcrossObserving,
    AcrossIntake,
    AcrossConnectionTests,
    AcrossOutbox,
    AcrossOverview,
    AcrossUpkeep,
):
    """The rows of all tenants, within one transaction."""
