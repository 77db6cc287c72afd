"""The database as such: engines, migrations, the walls between tenants, its errors in our words. Queries are elsewhere."""

from __future__ import annotations

from mailport_workspace.database.engine import WRITING, make_engine
from mailport_workspace.database.migrating import migrate

__all__ = ["WRITING", "make_engine", "migrate"]
