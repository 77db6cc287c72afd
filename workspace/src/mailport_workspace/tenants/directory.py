"""The tenants of the deployment, as its operator sees them: names and numbers, no mail, no setting, no secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailport.errors import ConfigurationError
from mailport.fields import ComponentType
from mailport_workspace.queries.observing import TenantFigures
from mailport_workspace.queries.paging import Position
from mailport_workspace.store import OperatorRows, Store
from mailport_workspace.tables import DeploymentChange, Tenant, now
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.audit import changed_fields
from mailport_workspace.tenants.fresh import found_tenant
from mailport_workspace.tenants.users import Users
from mailport_workspace.tenants.values import refuse_unstorable

__all__ = ["COMMAND_LINE", "Operator", "Tenants"]


@dataclass(frozen=True, slots=True)
class Operator:
    """Who runs the deployment: the name of a token, or the command line."""

    name: str

    def at_work_for(self, tenant: str) -> Actor:
        """Return who stands in the tenant's own audit history."""
        return Actor.operator(tenant, f"operator ({self.name})")

    def changed(
        self, subject: str, field: str, old: str, new: str, at: datetime, *, tenant: str | None = None
    ) -> DeploymentChange:
        """Return what stands in the deployment's history of changes."""
        return DeploymentChange(operator=self.name, tenant_id=tenant, subject=subject, field=field, old=old, new=new, at=at)


COMMAND_LINE = Operator("command line")


class Tenants:
    """All tenants. Whoever calls this runs the deployment; every change stands in its history."""

    def __init__(self, store: Store, users: Users, component: ComponentType, *, clock: Callable[[], datetime] = now) -> None:
        self._store = store
        self._users = users
        self._component = component
        self._clock = clock

    async def list(
        self, *, text: str = "", after: Position | None = None, limit: int = 50
    ) -> tuple[Sequence[Tenant], Mapping[str, TenantFigures]]:
        """Return a page of tenants by name (one more where another page follows), and how they fare, by id."""
        async with self._store.survey() as rows:
            found = await rows.tenants_page(text=text, after=after, limit=limit)
            return found, await rows.figures_of([tenant.id for tenant in found])

    async def read(self, tenant: str) -> tuple[Tenant, TenantFigures]:
        """Return one tenant, and how it fares. Raises ``NotFound``."""
        async with self._store.survey() as rows:
            found = await rows.tenant_with(tenant)
            return found, (await rows.figures_of([tenant]))[tenant]

    async def create(self, operator: Operator, name: str) -> str:
        """Make a tenant with what a new one starts with; return its id."""
        refuse_unstorable({"name": name})
        tenant = await found_tenant(self._store, name, component=self._component)
        async with self._store.operate() as rows:
            await rows.add(operator.changed(f"tenant {name.strip()}", "exists", "", "yes", self._clock(), tenant=tenant))
        return tenant

    async def change(self, operator: Operator, tenant: str, *, name: str | None = None, disabled: bool | None = None) -> None:
        """Rename a tenant, or switch it off and on: while it is off nobody comes in, and no mail comes or goes."""
        refuse_unstorable({"name": name})
        async with self._store.operate() as rows:
            row = await rows.tenant_with(tenant, for_update=True)
            before = _shown(row)
            if name is not None:
                row.name = await self._free_name(rows, row, name)
            if disabled is not None and disabled is not (row.disabled_at is not None):
                row.disabled_at = self._clock() if disabled else None
            await self._note(rows, operator, before, row)

    async def remove(self, operator: Operator, tenant: str) -> None:
        """Delete a tenant and everything that it owns. Raises ``NotFound``."""
        async with self._store.operate() as rows:
            row = await rows.tenant_with(tenant, for_update=True)
            await rows.add(operator.changed(f"tenant {row.name}", "exists", "yes", "", self._clock(), tenant=tenant))
            await rows.remove_tenant(tenant)

    async def make_administrator(self, operator: Operator, tenant: str, *, email: str, name: str, password: str) -> str:
        """Make the first administrator of a tenant; return the id of the user.

        A tenant that has one makes its further users itself (``PermissionDenied``): else the operator could let itself in.
        """
        async with self._store.survey() as rows:
            row = await rows.tenant_with(tenant)
        actor = operator.at_work_for(tenant)
        user = await self._users.create_first(actor, email=email, name=name, password=password)
        async with self._store.operate() as rows:
            said = operator.changed(f"tenant {row.name}", "first administrator", "", email, self._clock(), tenant=tenant)
            await rows.add(said)
        return user

    async def changes(self, *, after: Position | None = None, limit: int = 50) -> Sequence[DeploymentChange]:
        """Return a page of what operators changed, the newest first, and one more where another page follows."""
        async with self._store.survey() as rows:
            return await rows.deployment_changes(after=after, limit=limit)

    async def _free_name(self, rows: OperatorRows, row: Tenant, name: str) -> str:
        if not name.strip():
            raise ConfigurationError("A tenant needs a name.", code="settings.missing", field="name")
        other = await rows.tenant_named(name.strip())
        if other is not None and other.id != row.id:
            raise ConfigurationError(f"There is a tenant “{other.name}” already.", code="settings.taken", field="name")
        return name.strip()

    async def _note(self, rows: OperatorRows, operator: Operator, before: Mapping[str, str], row: Tenant) -> None:
        """Enter what changed into the history of the deployment, and into that of the tenant."""
        after, at = _shown(row), self._clock()
        for field in (field for field in after if before[field] != after[field]):
            said = operator.changed(f"tenant {row.name}", field, before[field], after[field], at, tenant=row.id)
            await rows.add(said)
        for entry in changed_fields(operator.at_work_for(row.id), "tenant", before, after):
            entry.tenant_id = row.id
            await rows.add(entry)


def _shown(row: Tenant) -> dict[str, str]:
    return {"name": row.name, "disabled": "no" if row.disabled_at is None else "yes"}
