"""Metrics that stand in the rows, so that every process tells the same: counted when Prometheus asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mailport.errors import MailportError
from mailport_workspace.queries.observing import Backlog
from mailport_workspace.store import Store
from mailport_workspace.tables import now

__all__ = ["registry_of_rows"]


async def registry_of_rows(store: Store) -> CollectorRegistry:
    """Return the metrics of the rows at this moment; where the database does not answer, that alone."""
    registry = CollectorRegistry()
    try:
        async with store.survey() as rows:
            backlog = await rows.backlog(now())
    except MailportError:
        registry.register(_Rows({"mailport_database_up": 0.0}))
        return registry
    registry.register(_Rows({"mailport_database_up": 1.0, **_single(backlog)}, _by_state(backlog)))
    return registry


_SAID = {
    "mailport_database_up": "Whether the database answers.",
    "mailport_oldest_due_seconds": "How long the mail that waits longest has been due.",
    "mailport_circuits_open": "Accounts that are not tried until a person acts or a pause is over.",
    "mailport_inboxes_failing": "Enabled inboxes whose last poll failed.",
    "mailport_quarantined": "Received mails that wait for a person.",
    "mailport_workers": "Workers that told of themselves lately.",
    "mailport_outbox_entries": "Outgoing mails that are not finished, by state.",
    "mailport_intake_entries": "Received mails that are not processed, by state.",
    "mailport_webhook_entries": "Calls of webhooks that are not finished, by state.",
}


class _Rows(Collector):
    def __init__(self, single: Mapping[str, float], by_state: Mapping[str, Mapping[str, int]] | None = None) -> None:
        self._single = single
        self._by_state = by_state or {}

    def collect(self) -> Iterator[Metric]:
        for name, value in self._single.items():
            yield GaugeMetricFamily(name, _SAID[name], value=value)
        for name, counted in self._by_state.items():
            family = GaugeMetricFamily(name, _SAID[name], labels=["state"])
            for state, count in counted.items():
                family.add_metric([state], count)
            yield family


def _single(backlog: Backlog) -> dict[str, float]:
    return {
        "mailport_oldest_due_seconds": backlog.oldest_due,
        "mailport_circuits_open": backlog.circuits_open,
        "mailport_inboxes_failing": backlog.inboxes_failing,
        "mailport_quarantined": backlog.quarantined,
        "mailport_workers": backlog.workers,
    }


def _by_state(backlog: Backlog) -> dict[str, Mapping[str, int]]:
    return {
        "mailport_outbox_entries": backlog.outbox,
        "mailport_intake_entries": backlog.intake,
        "mailport_webhook_entries": backlog.webhooks,
    }
