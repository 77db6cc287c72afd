"""The accounts by which tenants send, kept by the version of their settings: validating one for each mail costs too much."""

from __future__ import annotations

from collections import OrderedDict

from mailport import Account
from mailport_workspace.tenants.configuration import Configurations

__all__ = ["Accounts"]

_KEPT = 1000


class Accounts:
    """The accounts that were used last."""

    def __init__(self, configurations: Configurations) -> None:
        self._configurations = configurations
        self._kept: OrderedDict[str, tuple[int, Account]] = OrderedDict()

    async def account(self, tenant: str, version: int) -> Account:
        """Return the account of a tenant in that version, or a later one. Raises ``ConfigurationError`` for an unusable one."""
        kept = self._kept.get(tenant)
        if kept is None or kept[0] != version:
            kept = (version, await self._configurations.account(tenant))
        self._kept[tenant] = kept
        self._kept.move_to_end(tenant)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return kept[1]
