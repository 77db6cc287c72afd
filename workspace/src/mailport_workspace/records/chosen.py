"""The record store that each tenant chose, with the key by which one elsewhere knows us."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mailport_workspace.records.interface import RecordStore, RecordWork
from mailport_workspace.records.webhook import SECRETS, SIGNING_KEY
from mailport_workspace.sealing import KeyRing, Place
from mailport_workspace.store import Store
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.audit import changed_fields
from mailport_workspace.tenants.options import RecordStoreChoice, options_of
from mailport_workspace.webhooks.signing import new_signing_key

__all__ = ["ChosenRecords", "RecordStoreKeys"]


class ChosenRecords(RecordStore):
    """Every tenant's own store, by its setting ``record_store``."""

    def __init__(self, store: Store, embedded: RecordStore, elsewhere: RecordStore) -> None:
        self._store = store
        self._stores = {RecordStoreChoice.EMBEDDED: embedded, RecordStoreChoice.WEBHOOK: elsewhere}

    @asynccontextmanager
    async def work(self, tenant: str) -> AsyncIterator[RecordWork]:
        """Begin a piece of work where the tenant keeps its records."""
        async with (await self._chosen(tenant)).work(tenant) as work:
            yield work

    async def for_batch(self, tenant: str) -> RecordStore:
        """Return the store that the tenant chose, for the mails of one batch."""
        return await (await self._chosen(tenant)).for_batch(tenant)

    async def _chosen(self, tenant: str) -> RecordStore:
        async with self._store.read(tenant) as rows:
            return self._stores[options_of(await rows.tenant()).record_store]


class RecordStoreKeys:
    """The keys that sign the calls to record stores elsewhere."""

    def __init__(self, store: Store, ring: KeyRing) -> None:
        self._store = store
        self._ring = ring

    async def renew(self, actor: Actor) -> str:
        """Make the key of a tenant, in place of the former one; this is the only time that anybody sees it."""
        actor.require_administrator()
        key = new_signing_key()
        async with self._store.write(actor.tenant) as rows:
            row = await rows.ensure_tenant_secrets(SECRETS)
            row.secrets = {SIGNING_KEY: self._ring.seal(key, Place.of(row, SIGNING_KEY))}
            await rows.add(*changed_fields(actor, "record store", {}, {SIGNING_KEY: "renewed"}))
        return key
