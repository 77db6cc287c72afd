"""Who acts: a user of a tenant, or the operator on behalf of one."""

from __future__ import annotations

from dataclasses import dataclass

from mailport.errors import PermissionDenied
from mailport_workspace.tables import Role, User

__all__ = ["Actor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A person in one tenant; everything done through an actor stays in that tenant.

    ``operates`` says that the person runs the deployment: fields that only the operator may set are open.
    """

    tenant: str
    user: str
    name: str
    role: Role
    operates: bool = False

    @classmethod
    def of(cls, user: User) -> Actor:
        """Return the actor that a signed-in user is."""
        return cls(tenant=user.tenant_id, user=user.id, name=user.name, role=user.role)

    @classmethod
    def operator(cls, tenant: str) -> Actor:
        """Return the operator, at work for one tenant."""
        return cls(tenant=tenant, user="", name="operator", role=Role.ADMINISTRATOR, operates=True)

    def require_administrator(self) -> None:
        """Refuse everybody else (CFG-03)."""
        if self.role is not Role.ADMINISTRATOR:
            raise PermissionDenied(
                "Only an administrator may read or change the e-mail configuration.",
                code="permission.administrator",
                remedy="Ask an administrator of your tenant.",
            )
