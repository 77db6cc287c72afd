"""What a new tenant starts with."""

from __future__ import annotations

from mailport.errors import ConfigurationError
from mailport.fields import ComponentType
from mailport_workspace.store import Store
from mailport_workspace.tables import Inbox, MailConfiguration, Tab, TabRow, Tenant, TenantOwned, new_id
from mailport_workspace.tenants.handling import Handling
from mailport_workspace.tenants.inboxes import FIRST_INBOX

__all__ = ["found_tenant"]

_FIRST_ROWS = (
    (Tab.OBJECT_NAMES, "Incident", "incident"),
    (Tab.TASK_KEYWORDS, "accepted", "accepted"),
    (Tab.TASK_KEYWORDS, "rejected", "rejected"),
    (Tab.APPROVAL_KEYWORDS, "accepted", "accepted"),
    (Tab.APPROVAL_KEYWORDS, "rejected", "rejected"),
)


async def found_tenant(store: Store, name: str, *, component: ComponentType = ComponentType.ADVANCED) -> str:
    """Make a tenant with an empty configuration, one disabled inbox that creates incidents, and the first rows of its tabs.

    ``component`` is the deployment's ``default_component_type`` (CMP-01). Returns the tenant's id.
    """
    tenant = Tenant(id=new_id(), name=name.strip())
    if not tenant.name:
        raise ConfigurationError("A tenant needs a name.", code="settings.missing", field="name")
    async with store.operate() as rows:
        if await rows.tenant_named(tenant.name) is not None:
            raise ConfigurationError(f"There is a tenant “{tenant.name}” already.", code="settings.taken", field="name")
        await rows.add(tenant, *_first_rows(tenant.id, component))
    return tenant.id


def _first_rows(tenant: str, component: ComponentType) -> list[TenantOwned]:
    return [
        MailConfiguration(tenant_id=tenant, values={"email_component_type": str(component)}, secrets={}, custom={}),
        Inbox(tenant_id=tenant, name=FIRST_INBOX, handling=Handling(name=FIRST_INBOX).stored, values={}, secrets={}),
        *(TabRow(tenant_id=tenant, tab=tab, word=word, meaning=meaning) for tab, word, meaning in _FIRST_ROWS),
    ]
