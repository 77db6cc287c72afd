"""What all tables share. Every row but the tenant itself belongs to one tenant, and its key begins with it.

With the tenant in every primary key, a foreign key cannot point into another tenant.
"""

from __future__ import annotations

import secrets as random
import threading
import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, DateTime, ForeignKey, ForeignKeyConstraint, String
from sqlalchemy import Enum as WordType
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from sqlalchemy.schema import MetaData
from sqlalchemy.types import TypeDecorator

__all__ = ["ID_LENGTH", "INDEXED_LENGTH", "Base", "Tenant", "TenantOwned", "new_id", "now", "refers_to", "words"]

ID_LENGTH = 32
INDEXED_LENGTH = 500  # PostgreSQL refuses an index entry of more than 2,704 bytes
_NAMES = {  # SQLite migrations can only change constraints that have a name
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


_making = threading.Lock()
_last_made = 0
"""The microsecond in which the last id was made, or is said to have been."""


def now() -> datetime:
    """Return the present moment, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return an id that nobody can guess and that sorts by when it was made: new rows lie together.

    Within one process no id sorts before an earlier one, so that rows made at once stay in the order of their making.
    """
    global _last_made  # noqa: PLW0603 - of this process
    with _making:
        _last_made = max(_last_made + 1, time.time_ns() // 1_000)
        return f"{_last_made:014x}{random.token_hex(9)}"


class Moment(TypeDecorator[datetime]):
    """A moment with its time zone, on databases that keep none as well; UTC when it comes back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Store UTC. A moment without a time zone is refused: nobody would know what it means."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return UTC."""
        return value and (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))


class Base(DeclarativeBase):
    """The base of all tables."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own declaration
        dict[str, Any]: JSON().with_variant(JSONB(), "postgresql"),
        list[str]: JSON().with_variant(JSONB(), "postgresql"),
        datetime: Moment(),
    }


def words(kind: type[StrEnum]) -> Any:
    """Return the type of an enumeration: text, so that a new word needs no migration; a wrong one is never written."""
    return WordType(kind, native_enum=False, length=40, create_constraint=False, values_callable=lambda k: [m.value for m in k])


class Tenant(Base):
    """One customer of the host. ``options`` are its settings without a column of their own."""

    __tablename__ = "tenants"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)


class TenantOwned(Base):
    """What belongs to one tenant. A session that is bound to a tenant sees and writes only its rows."""

    __abstract__ = True

    @declared_attr
    def tenant_id(cls) -> Mapped[str]:  # noqa: N805 - SQLAlchemy calls it with the class
        """Whose row it is."""
        return mapped_column(String(ID_LENGTH), ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True, sort_order=-2)

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id, sort_order=-1)


def refers_to(target: str, column: str) -> ForeignKeyConstraint:
    """Refer to a row of the same tenant; the row goes when its target goes."""
    return ForeignKeyConstraint(["tenant_id", column], [f"{target}.tenant_id", f"{target}.id"], ondelete="CASCADE")
