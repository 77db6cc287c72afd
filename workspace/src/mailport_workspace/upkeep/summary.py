"""The summary of what failed: a mail to the tenant's people, and only if there is something to say (LOG-04)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from mailport import Message
from mailport.errors import ConfigurationError
from mailport_workspace.outbox.enqueue import Wish
from mailport_workspace.outbox.outbox import Outbox
from mailport_workspace.queries.upkeep import FailedMail
from mailport_workspace.store import Store
from mailport_workspace.tables import Inbox, now
from mailport_workspace.tenants.configuration import Configurations
from mailport_workspace.tenants.options import TenantOptions, options_of
from mailport_workspace.upkeep.credentials import Credentials, CredentialWarning

__all__ = ["Summaries"]

_LISTED = 100
"""Mails that a summary lists; the journal has all."""

_log = logging.getLogger(__name__)


class Summaries:
    """Writes the summaries of all tenants."""

    def __init__(
        self,
        store: Store,
        configurations: Configurations,
        outbox: Outbox,
        credentials: Credentials,
        *,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._store = store
        self._configurations = configurations
        self._outbox = outbox
        self._credentials = credentials
        self._clock = clock

    async def send_due(self, tenant: str) -> bool:
        """Send the summary of a tenant where its period is over; say whether one was sent."""
        async with self._store.read(tenant) as rows:
            options = options_of(await rows.tenant())
        since = await self._since(tenant, options)
        if since is None:
            return False
        text = await self._text(tenant, since)
        sent = bool(text) and await self._send(tenant, options, text, await self._key(tenant))
        async with self._store.operate() as every:
            await every.state(_fact(tenant), {"until": self._clock().isoformat()}, self._clock())
        return sent

    async def _since(self, tenant: str, options: TenantOptions) -> datetime | None:
        """Return when the period began, if it is over and somebody wants to know."""
        if options.error_summary_address is None:
            return None
        until = await self._until(tenant)
        period = timedelta(hours=options.error_summary_hours)
        since = datetime.fromisoformat(until) if until else self._clock() - period
        return since if self._clock() - since >= period else None

    async def _until(self, tenant: str) -> str:
        """Return when the last period ended that is over; empty before the first one is."""
        async with self._store.survey() as every:
            return str((await every.fact(_fact(tenant))).get("until") or "")

    async def _key(self, tenant: str) -> str:
        """Return the key of this period's summary: whoever died before noting that it was sent does not send it again."""
        return f"summary after {await self._until(tenant) or 'nothing'}"

    async def _text(self, tenant: str, since: datetime) -> str:
        async with self._store.read(tenant) as rows:
            mails = await rows.failed_mails(since, limit=_LISTED)
            inboxes = await rows.failing_inboxes()
            warnings = await self._credentials.warnings_in(rows)
        return "\n".join(_lines(since, mails, inboxes, warnings)) if mails or inboxes or warnings else ""

    async def _send(self, tenant: str, options: TenantOptions, text: str, key: str) -> bool:
        try:
            sender = (await self._configurations.account(tenant)).user_name
        except ConfigurationError as error:
            _log.warning("The summary of errors cannot be sent: %s", error.message)
            return False
        message = Message.compose(
            sender=sender,
            to=str(options.error_summary_address),
            subject="Mail: summary of errors",
            text=text,
            headers=(("Auto-Submitted", "auto-generated"),),
        )
        try:
            return (await self._outbox.submit(tenant, message, Wish(origin="summary", idempotency_key=key))).is_new
        except ConfigurationError as error:
            if error.code != "store.key_used":
                raise
            return False  # that of this period was sent, and more has failed since


def _fact(tenant: str) -> str:
    return f"summary.{tenant}"


def _lines(
    since: datetime, mails: Sequence[FailedMail], inboxes: Sequence[Inbox], warnings: Sequence[CredentialWarning]
) -> Iterator[str]:
    yield f"What failed since {since:%Y-%m-%d %H:%M} UTC."
    if warnings:
        yield from ("", "Credentials:", *(f"- {warning.text}" for warning in warnings))
    if inboxes:
        yield from ("", "Inboxes whose last poll failed:", *(f"- {inbox.name}: {inbox.last_error}" for inbox in inboxes))
    if mails:
        yield from ("", "Mails:", *(_line(mail) for mail in mails))
    yield ""


def _line(mail: FailedMail) -> str:
    where = f", {mail.inbox}" if mail.inbox else ""
    subject = " ".join(mail.subject.split()) or "(no subject)"
    return f"- {mail.at:%Y-%m-%d %H:%M} {mail.direction}{where}, {mail.outcome}: {subject} ({mail.error or 'no cause noted'})"
