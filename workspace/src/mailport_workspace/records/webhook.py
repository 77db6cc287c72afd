"""Records in another system: the same questions and changes as signed calls over HTTP (docs/reference/record-webhooks.md).

A change carries a key that stays the same when the work is done again, so that the other system makes nothing twice. What
passes is tried again within a time budget; after that the mail waits and its work is done anew.
"""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from mailport.errors import ConfigurationError, MailportError, Throttled, Unreachable
from mailport_workspace.records.interface import (
    AttachedMail,
    PersonView,
    RecordKind,
    RecordRef,
    RecordStore,
    RecordView,
    RecordWork,
)
from mailport_workspace.records.wire import (
    FIELD,
    call_id,
    kinds_in,
    made_person_in,
    made_record_in,
    packed,
    person_in,
    record_in,
    refusal,
    unavailable,
)
from mailport_workspace.sealing import KeyRing, Place
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import now
from mailport_workspace.tenants.options import options_of
from mailport_workspace.web import Answer, WebClient
from mailport_workspace.webhooks.signing import signed_headers

__all__ = ["BUDGET", "SECRETS", "SIGNING_KEY", "WebhookRecords"]

SECRETS = "records"
SIGNING_KEY = "signing_key"
"""Under which names the tenant's key is kept."""
BUDGET = 30.0
"""Seconds for one question or change with all its tries."""

_TIMEOUT = 15.0
_MOST = 4 << 20  # bytes of an answer
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0
_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the records of a tenant are, what signs calls, and where new people belong."""

    url: str
    unit: str
    key: str = field(repr=False)


class WebhookRecords(RecordStore):
    """The records that tenants keep in systems of their own."""

    def __init__(
        self,
        store: Store,
        ring: KeyRing,
        web: WebClient,
        *,
        clock: Callable[[], datetime] = now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        budget: float = BUDGET,
    ) -> None:
        self._store = store
        self._ring = ring
        self._web = web
        self._clock = clock
        self._sleep = sleep
        self._budget = budget

    @asynccontextmanager
    async def work(self, tenant: str) -> AsyncIterator[_WebhookWork]:
        """Begin a piece of work. Raises ``ConfigurationError`` where no address or key is stored."""
        async with self._store.read(tenant) as rows:
            place = await self._place(rows)
        yield _WebhookWork(self, tenant, place, self._store)

    async def call(self, tenant: str, place: _Place, operation: str, wish: Mapping[str, Any], *, key: str = "") -> Answer:
        """Return what the other system answers. ``key`` names a change.

        Raises ``Unreachable`` or ``Throttled`` where it may work later, else what ``wire.refusal`` says.
        """
        body = packed({"tenant": tenant, **wish} | ({"key": key} if key else {}))
        number = call_id(tenant, operation, key)
        url = f"{place.url.rstrip('/')}/{operation}"
        answer = await self._answer(url, place, number, body)
        if not answer.is_success:
            raise refusal(answer)
        return answer

    async def _answer(self, url: str, place: _Place, number: str, body: bytes) -> Answer:
        """Return the first answer that is not a passing failure, within the budget."""
        began, wait = self._clock(), _FIRST_WAIT
        while True:
            headers = {**signed_headers([place.key], number, self._clock(), body), "idempotency-key": number}
            failure, asked = await self._try(url, body, headers)
            if isinstance(failure, Answer):
                return failure
            pause = max(asked or 0.0, wait * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load only
            if (self._clock() - began).total_seconds() + pause > self._budget:
                raise failure
            await self._sleep(pause)
            wait = min(2 * wait, _LONGEST_WAIT)

    async def _try(
        self, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[Answer | Unreachable | Throttled, float | None]:
        """Return an answer that counts, or the failure with how long the other system wants us to wait."""
        try:
            answer = await self._web.post(url, body, headers, timeout=_TIMEOUT, limit=_MOST)
        except Unreachable as failure:
            failure.field = FIELD
            return failure, None
        except MailportError as error:
            error.field = FIELD
            raise
        if answer.status not in _PASSING:
            return answer, None
        asked = answer.retry_after(self._clock())
        return unavailable(answer, asked), asked

    async def _place(self, rows: TenantRows) -> _Place:
        tenant = await rows.tenant()
        options = options_of(tenant)
        row = await rows.tenant_secrets(SECRETS)
        if not options.record_store_url or row is None or SIGNING_KEY not in row.secrets:
            raise ConfigurationError(
                "The records live in another system, and its address or key is not stored.",
                code="record.not_connected",
                field=FIELD,
                remedy="Enter the address, and make a key for it.",
            )
        key = self._ring.open(row.secrets[SIGNING_KEY], Place.of(row, SIGNING_KEY))
        return _Place(options.record_store_url, options.default_unit, key)


class _WebhookWork(RecordWork):
    """One piece of work: every change has happened when its call returns."""

    def __init__(self, records: WebhookRecords, tenant: str, place: _Place, store: Store) -> None:
        self._records = records
        self._tenant = tenant
        self._place = place
        self._store = store

    async def kinds(self) -> Mapping[str, RecordKind]:
        """Return the types of records, by name."""
        return kinds_in(await self._ask("kinds", {}))

    async def find(self, kind: str, value: str, *, by: str = "number") -> RecordView | None:
        """Return the record whose field ``by`` has the value."""
        return record_in(await self._ask("find", {"type": kind, "by": by, "value": value}))

    async def get(self, kind: str, record: str) -> RecordView | None:
        """Return the record with that id."""
        return record_in(await self._ask("get", {"type": kind, "id": record}))

    async def create(
        self, kind: str, fields: Mapping[str, Any], *, key: str, title: str = "", person: str | None = None
    ) -> RecordView:
        """Make a record, or return the one that ``key`` made."""
        wish = {"type": kind, "fields": dict(fields), "title": title, "person": person}
        return made_record_in(await self._ask("create", wish, key=key))

    async def update(
        self, record: RecordRef, fields: Mapping[str, Any], *, key: str, state: str = "", reason: str = "", author: str = ""
    ) -> RecordView:
        """Change fields, and the state where one is given."""
        wish = {**_shown(record), "fields": dict(fields), "state": state, "reason": reason, "author": author}
        return made_record_in(await self._ask("update", wish, key=f"{record.type}.{record.id}.{key}"))

    async def attach(self, record: RecordRef, mail: AttachedMail, *, person: str | None = None) -> None:
        """Put a mail into the history of the record, and of the person."""
        wish = {**_shown(record), "person": person, "mail": await self._mail(mail)}
        await self._ask("attach", wish, key=f"{record.type}.{record.id}.{mail.journal_id}")

    async def person(self, email: str) -> PersonView | None:
        """Return who writes under that address."""
        return person_in(await self._ask("person", {"email": email}))

    async def create_person(self, email: str, name: str) -> PersonView:
        """Make a person in the default organisational unit, inactive, or return the one that is there."""
        wish = {"email": email, "name": name, "unit": self._place.unit}
        return made_person_in(await self._ask("create-person", wish, key=email.strip().lower()))

    async def settle(self, finish: Callable[[TenantRows], Awaitable[None]]) -> None:
        """Run ``finish`` in a transaction of its own: the calls have been carried out."""
        async with self._store.write(self._tenant) as rows:
            await finish(rows)

    async def _ask(self, operation: str, wish: Mapping[str, Any], *, key: str = "") -> Answer:
        return await self._records.call(self._tenant, self._place, operation, wish, key=key)

    async def _mail(self, mail: AttachedMail) -> dict[str, Any]:
        files = [{**asdict(file), "content": _base64(file.content)} for file in mail.attachments]
        return {
            "journal_id": mail.journal_id,
            "kind": str(mail.kind),
            "sender": mail.sender,
            "subject": mail.subject,
            "text": mail.text,
            "at": mail.at.isoformat(),
            "attachments": files,
            "original": await self._original(mail.raw_id),
        }

    async def _original(self, raw: str | None) -> str | None:
        if raw is None:
            return None
        async with self._store.read(self._tenant) as rows:
            return _base64((await rows.raw_message(raw)).content)


def _shown(record: RecordRef) -> dict[str, Any]:
    return {"record": {"type": record.type, "id": record.id, "number": record.number}}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
