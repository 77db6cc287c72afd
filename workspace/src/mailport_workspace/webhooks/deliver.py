"""Delivering what happened: each event is posted, signed, until the other system takes it or a day is over.

Every webhook has its own course: one that does not answer keeps no other one waiting. What a worker claimed and did not
finish is claimed again when its lease is over; the other system knows a delivery that comes twice by its id.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from mailport.errors import MailportError
from mailport_workspace.observing import metrics
from mailport_workspace.observing.context import working_on
from mailport_workspace.sealing import KeyRing, Place
from mailport_workspace.store import Store
from mailport_workspace.tables import Webhook, WebhookDelivery, WebhookState, new_id, now
from mailport_workspace.web import Answer, WebClient
from mailport_workspace.webhooks.signing import signed_headers
from mailport_workspace.webhooks.webhooks import FORMER_KEY, SIGNING_KEY

__all__ = ["GIVE_UP_AFTER", "LEASE", "Deliveries"]

GIVE_UP_AFTER = timedelta(days=1)
LEASE = timedelta(minutes=5)
BATCH = 20
TIMEOUT = 15.0
WORK_FOR = timedelta(seconds=60)

_WAITS = (5, 30, 120, 600, 1800, 3600)
_MOST = 64 * 1024  # bytes of an answer; only its status counts
_GONE = 410
_LONGEST_WAIT = 2 * 86400.0  # seconds; whoever asks for more is given up anyway
_HOPELESS = frozenset({400, 413, 422, _GONE})  # the payload will be the same next time

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a try ended: ``error`` is empty where the other system took it."""

    error: str = ""
    status: int | None = None
    retry_after: float = 0.0

    @property
    def is_hopeless(self) -> bool:
        return self.status in _HOPELESS


class Deliveries:
    """Delivers the events of all tenants; ``deliver`` is the job of kind ``webhooks``."""

    def __init__(
        self, store: Store, ring: KeyRing, web: WebClient, *, clock: Callable[[], datetime] = now, timeout: float = TIMEOUT
    ) -> None:
        self._store = store
        self._ring = ring
        self._web = web
        self._clock = clock
        self._timeout = timeout

    async def deliver(self, tenant: str) -> None:
        """Deliver what is due for one tenant, each webhook beside the others."""
        with working_on(tenant=tenant):
            async with self._store.read(tenant) as rows:
                webhooks = await rows.enabled_webhooks()
            async with asyncio.TaskGroup() as group:
                for webhook in webhooks:
                    group.create_task(self._work_off(tenant, webhook))

    async def _work_off(self, tenant: str, webhook: Webhook) -> None:
        """Deliver batch after batch until nothing is due, something fails, or the time of a job is over."""
        until = self._clock() + WORK_FOR
        while self._clock() < until:
            batch = await self._claim(tenant, webhook.id)
            if not batch or not await self._deliver_in_turn(webhook, batch):
                return

    async def _claim(self, tenant: str, webhook: str) -> Sequence[WebhookDelivery]:
        moment, lease = self._clock(), new_id()
        async with self._store.write(tenant) as rows:
            batch = await rows.claimable_deliveries(webhook, moment, lost_before=moment - LEASE, limit=BATCH)
            for row in batch:
                row.state, row.lease, row.leased_at = WebhookState.CLAIMED, lease, moment
        return batch

    async def _deliver_in_turn(self, webhook: Webhook, batch: Sequence[WebhookDelivery]) -> bool:
        """Deliver a batch in order; after a failure that may pass, the rest waits as long as what failed."""
        for number, delivery in enumerate(batch):
            outcome = await self._try(webhook, delivery)
            await self._keep(delivery, outcome)
            if outcome.status == _GONE:
                return False
            if outcome.error and not outcome.is_hopeless:
                await self._give_back(batch[number + 1 :], delivery.due_at)
                return False
        return True

    async def _try(self, webhook: Webhook, delivery: WebhookDelivery) -> _Outcome:
        body = _body(delivery)
        try:
            headers = signed_headers(self._keys(webhook), delivery.id, self._clock(), body)
            answer = await self._web.post(webhook.url, body, headers, timeout=self._timeout, limit=_MOST)
        except MailportError as error:
            return _Outcome(error.message)
        return self._judged(answer)

    def _judged(self, answer: Answer) -> _Outcome:
        if answer.is_success:
            return _Outcome(status=answer.status)
        said = f"It answered {answer.status}."
        if 300 <= answer.status < 400:
            said = f"It answered {answer.status}: redirects are not followed, enter the final URL."
        return _Outcome(said, answer.status, min(answer.retry_after(self._clock()) or 0.0, _LONGEST_WAIT))

    async def _keep(self, claimed: WebhookDelivery, outcome: _Outcome) -> None:
        """Store how a try ended, unless the lease went to somebody else meanwhile."""
        moment = self._clock()
        async with self._store.write(claimed.tenant_id) as rows:
            row = await rows.leased_delivery(claimed.id, claimed.lease or "")
            if row is None:
                return
            row.attempts += 1
            row.lease, row.last_status, row.last_error = None, outcome.status, outcome.error
            _settle(row, outcome, moment)
            if outcome.status == _GONE:
                (await rows.webhook(row.webhook_id, for_update=True)).enabled = False
                await rows.give_up_deliveries(row.webhook_id, "The receiver is gone (410).", moment)
        claimed.due_at = row.due_at
        metrics.webhook_delivered("deferred" if row.state is WebhookState.QUEUED else row.state.value)
        if outcome.error:
            _log.warning("webhook not delivered", webhook=row.webhook_id, webhook_event=row.event, why=outcome.error)

    async def _give_back(self, rest: Sequence[WebhookDelivery], due_at: datetime) -> None:
        if not rest:
            return
        async with self._store.write(rest[0].tenant_id) as rows:
            for claimed in rest:
                row = await rows.leased_delivery(claimed.id, claimed.lease or "")
                if row is not None:
                    row.state, row.lease, row.due_at = WebhookState.QUEUED, None, due_at

    def _keys(self, webhook: Webhook) -> list[str]:
        names = [name for name in (SIGNING_KEY, FORMER_KEY) if name in webhook.secrets]
        return [self._ring.open(webhook.secrets[name], Place.of(webhook, name)) for name in names]


def _settle(row: WebhookDelivery, outcome: _Outcome, moment: datetime) -> None:
    if not outcome.error:
        row.state, row.finished_at = WebhookState.DELIVERED, moment
        return
    row.state, row.due_at = WebhookState.QUEUED, moment + _wait(row.attempts, outcome.retry_after)
    if outcome.is_hopeless or _is_over(row, outcome):
        row.state, row.finished_at = WebhookState.FAILED, moment


def _is_over(row: WebhookDelivery, outcome: _Outcome) -> bool:
    """Whether it was tried for a day; a clock that leaps forward by a day after the first try ends nothing."""
    is_tried = row.attempts >= len(_WAITS) or outcome.retry_after > GIVE_UP_AFTER.total_seconds()
    return is_tried and row.due_at > row.created_at + GIVE_UP_AFTER


def _wait(attempts: int, retry_after: float) -> timedelta:
    """Return how long to wait after so many tries: longer each time, never all at once, never less than was asked for."""
    backoff = _WAITS[min(attempts, len(_WAITS)) - 1] * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load only
    return timedelta(seconds=max(backoff, retry_after))


def _body(delivery: WebhookDelivery) -> bytes:
    told: dict[str, Any] = {
        "type": delivery.event,
        "timestamp": delivery.created_at.isoformat(),
        "data": delivery.payload,
    }
    return json.dumps(told, separators=(",", ":")).encode()
