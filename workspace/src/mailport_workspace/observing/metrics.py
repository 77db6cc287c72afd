"""Metrics for Prometheus: what this process did, counted as it happens.

The label ``tenant`` is empty, which Prometheus takes for no label, unless the operator asks for it
(``MAILPORT_METRICS_BY_TENANT``): a thousand tenants would be a thousand times the series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from time import monotonic
from types import SimpleNamespace

from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, PlatformCollector, ProcessCollector
from structlog.contextvars import get_contextvars

from mailport.errors import MailportError
from mailport.events import Event, EventKind
from mailport.hookspecs import hookimpl

__all__ = ["REGISTRY", "Observer", "job", "label_tenants", "lagged", "poll", "processed", "webhook_delivered"]

REGISTRY = CollectorRegistry()
"""What this process counts."""

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
_choice = SimpleNamespace(by_tenant=False)

_sends = Counter(
    "mailport_sends", "Mails handed to servers, by how it ended.", ("protocol", "outcome", "tenant"), registry=REGISTRY
)
_send_seconds = Histogram(
    "mailport_send_seconds", "How long sending one mail took.", ("protocol",), buckets=_SECONDS, registry=REGISTRY
)
_deliveries = Counter("mailport_deliveries", "Mails read from mailboxes.", ("protocol", "tenant"), registry=REGISTRY)
_polls = Counter("mailport_polls", "Looks into mailboxes, by how it ended.", ("outcome", "tenant"), registry=REGISTRY)
_poll_seconds = Histogram("mailport_poll_seconds", "How long one look took.", buckets=_SECONDS, registry=REGISTRY)
_processed = Counter("mailport_processed", "Received mails, by what became of them.", ("outcome", "tenant"), registry=REGISTRY)
_webhooks = Counter(
    "mailport_webhook_deliveries", "Calls of webhooks, by how they ended.", ("outcome", "tenant"), registry=REGISTRY
)
_jobs = Counter("mailport_jobs", "Jobs that the engine ran here, by how they ended.", ("kind", "outcome"), registry=REGISTRY)
_job_seconds = Histogram("mailport_job_seconds", "How long one job took.", ("kind",), buckets=_SECONDS, registry=REGISTRY)
_lag = Histogram("mailport_loop_lag_seconds", "How late the event loop was.", buckets=(0.001, *_SECONDS), registry=REGISTRY)

for _collector in (ProcessCollector, PlatformCollector, GCCollector):
    _collector(registry=REGISTRY)


class Observer:
    """The plugin that counts what the library tells."""

    @hookimpl
    def mailport_observe(self, event: Event) -> None:
        """Count one event."""
        if event.kind is EventKind.RECEIVED:
            _deliveries.labels(event.protocol, _tenant()).inc()
            return
        _sends.labels(event.protocol, event.kind.value, _tenant()).inc()
        _send_seconds.labels(event.protocol).observe(event.seconds)


def label_tenants(wanted: bool) -> None:
    """Say whether metrics are kept apart by tenant."""
    _choice.by_tenant = wanted


def poll() -> AbstractContextManager[None]:
    """Count the block as one look into a mailbox."""
    return _timed(lambda outcome: _polls.labels(outcome, _tenant()), _poll_seconds)


def job(kind: str) -> AbstractContextManager[None]:
    """Count the block as one job of the engine."""
    return _timed(lambda outcome: _jobs.labels(kind, outcome), _job_seconds.labels(kind))


@contextmanager
def _timed(count: Callable[[str], Counter], seconds: Histogram) -> Iterator[None]:
    """Count the block as done, or by the first word of the code of the error that ends it; note how long it took."""
    begun, outcome = monotonic(), "done"
    try:
        yield
    except BaseException as error:
        outcome = _outcome(error)
        raise
    finally:
        count(outcome).inc()
        seconds.observe(monotonic() - begun)


def processed(outcome: str) -> None:
    """Count a received mail by what became of it."""
    _processed.labels(outcome, _tenant()).inc()


def webhook_delivered(outcome: str) -> None:
    """Count one call of a webhook: ``delivered``, ``deferred`` or ``failed``."""
    _webhooks.labels(outcome, _tenant()).inc()


def lagged(seconds: float) -> None:
    """Note how late the event loop was."""
    _lag.observe(seconds)


def _outcome(error: BaseException) -> str:
    """Return the first word of the error's code, the rung that failed: few values, and they say where to look."""
    return error.code.partition(".")[0] if isinstance(error, MailportError) else type(error).__name__


def _tenant() -> str:
    return str(get_contextvars().get("tenant", "")) if _choice.by_tenant else ""
