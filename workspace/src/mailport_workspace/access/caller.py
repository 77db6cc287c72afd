"""Who calls, and what the call may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mailport.errors import PermissionDenied
from mailport_workspace.tables import Role, User
from mailport_workspace.tenants.actor import Actor

__all__ = ["Caller", "Scope"]


class Scope(StrEnum):
    """What a call may do; ``admin`` is everything, and what no other scope covers: users, tokens, plugins."""

    MAIL_SEND = "mail:send"
    MAIL_READ = "mail:read"
    RECORDS_READ = "records:read"
    RECORDS_WRITE = "records:write"
    CONFIGURATION_READ = "configuration:read"
    CONFIGURATION_WRITE = "configuration:write"
    ADMIN = "admin"


_OF_ROLE = {
    Role.ADMINISTRATOR: frozenset(Scope),
    Role.AGENT: frozenset({Scope.MAIL_SEND, Scope.MAIL_READ, Scope.RECORDS_READ, Scope.RECORDS_WRITE}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An actor with the scopes of this call; ``sign_in`` names the signed-in browser, where it is one."""

    actor: Actor
    scopes: frozenset[Scope]
    sign_in: str = ""

    @classmethod
    def of(cls, user: User, *, scopes: frozenset[Scope] | None = None, sign_in: str = "") -> Caller:
        """Return the caller that a user is: never with more than the user's role has today."""
        role = _OF_ROLE[user.role]
        wanted = frozenset(Scope) if scopes is None or Scope.ADMIN in scopes else scopes
        return cls(actor=Actor.of(user), scopes=role & wanted, sign_in=sign_in)

    def require(self, scope: Scope) -> None:
        """Refuse a call that may not do this."""
        if scope in self.scopes:
            return
        if scope not in _OF_ROLE[self.actor.role]:
            self.actor.require_administrator()
        raise PermissionDenied(
            f"This needs the scope “{scope}”.", code="permission.scope", remedy="Use a token that has this scope."
        )
