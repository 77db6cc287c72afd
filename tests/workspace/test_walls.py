"""The walls between tenants: the session's own, and PostgreSQL's behind it."""

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from mailport.errors import NotFound
from mailport_workspace.database import make_engine
from mailport_workspace.database.sessions import BoundSession, TenantWall
from mailport_workspace.tables import (
    Base,
    Fact,
    Gate,
    Inbox,
    JournalEntry,
    MailDirection,
    SharedToken,
    TabRow,
    Tenant,
    TenantOwned,
    User,
    Worker,
    new_id,
)
from tests.workspace.forms import imap, smtp

_KINDS = (mapper.class_ for mapper in Base.registry.mappers if issubclass(mapper.class_, TenantOwned))
OWNED = sorted(_KINDS, key=lambda kind: kind.__name__)  # mappers have no order, and parallel runs must name the same tests


@pytest.fixture
async def bound(store, world):
    """A session of tenant one, as only the store may open it."""
    async with AsyncSession(store._engine, sync_session_class=BoundSession, info={"tenant": world.one.tenant}) as session:
        yield session


@pytest.mark.parametrize("tenant", ["", "*", None])
async def test_no_session_opens_without_a_tenant(store, tenant):  # SEC-04
    """Neither for nobody nor for all of them."""
    for opening in (store.read(tenant), store.write(tenant)):
        with pytest.raises(TenantWall):
            async with opening:
                pass


def test_every_table_belongs_to_a_tenant():  # SEC-04
    """A new table that forgets its tenant is noticed here."""
    shared = {"tenants", "facts", "gates", "shared_tokens", "workers"}
    assert {mapper.class_ for mapper in Base.registry.mappers} == {Tenant, Fact, Gate, SharedToken, Worker, *OWNED}
    owned = [table for table in Base.metadata.tables.values() if table.name not in shared]
    assert all(table.primary_key.columns.keys()[0] == "tenant_id" for table in owned)


async def test_every_query_sees_one_tenant(world, bound):  # SEC-04
    """Rows, columns, aliases, joins and subqueries: nothing of the other tenant is among them."""
    other = aliased(TabRow)
    queries = [
        select(TabRow.tenant_id),
        select(other.tenant_id),
        select(Tenant.id),
        select(Tenant.id).join(TabRow, TabRow.tenant_id == Tenant.id),
        select(other.tenant_id).where(other.tenant_id.in_(select(Inbox.tenant_id))),
        select(TabRow.tenant_id).join(other, other.word == TabRow.word).where(other.tenant_id != world.two.tenant),
    ]
    for query in queries:
        assert set(await bound.scalars(query)) == {world.one.tenant}, str(query)


@pytest.mark.parametrize("kind", OWNED, ids=lambda kind: kind.__name__)
async def test_no_row_of_another_tenant_is_changed_or_deleted(world, bound, kind):  # SEC-04
    """Statements without any condition touch this tenant's rows only."""
    await bound.execute(update(kind).values(id=kind.id))
    await bound.execute(delete(kind))
    await bound.commit()
    assert len(await world.inboxes.list(world.two)) == 1
    assert await world.configurations.read(world.two)


async def test_statements_that_cannot_be_bound_are_refused(bound):  # SEC-04
    """Text, tables and bulk inserts pass by the filter."""
    for statement in (text("SELECT 1"), select(TabRow.__table__), insert(TabRow), insert(TabRow.__table__)):
        with pytest.raises(TenantWall):
            await bound.execute(statement)


async def test_no_row_is_written_for_another_tenant(world, store):  # SEC-04
    """Neither a new one nor one that changes its owner."""
    with pytest.raises(TenantWall):
        async with store.write(world.one.tenant) as rows:
            await rows.add(TabRow(tenant_id=world.two.tenant, tab="senders", word="x"))
    with pytest.raises(TenantWall):
        async with store.write(world.one.tenant) as rows:
            await rows.insert(TabRow, [{"tenant_id": world.two.tenant, "tab": "senders", "word": "x"}])
    with pytest.raises(TenantWall):
        async with store.write(world.one.tenant) as rows:
            (await rows.inboxes())[0].tenant_id = world.two.tenant


async def test_an_id_of_another_tenant_is_unknown(world):  # SEC-04
    """Knowing the id helps nobody: inbox, user and raw message are not there."""
    inbox = await world.inboxes.create(world.two, imap())
    for work in (
        world.inboxes.read(world.one, inbox),
        world.inboxes.save(world.one, inbox, {"enabled": True}),
        world.inboxes.remove(world.one, inbox),
        world.inboxes.account(world.one.tenant, inbox),
    ):
        with pytest.raises(NotFound):
            await work
    assert not (await world.inboxes.read(world.two, inbox))["enabled"]


async def test_a_session_that_reads_does_not_write(world, store):
    """It holds no lock, so it must not begin to write."""
    with pytest.raises(TenantWall):
        async with store.read(world.one.tenant) as rows:
            await rows.add(TabRow(tab="senders", word="x"))
    with pytest.raises(TenantWall):
        async with store.read(world.one.tenant) as rows:
            await rows.insert(TabRow, [{"tab": "senders", "word": "x"}])


async def test_a_failure_takes_everything_back(world, store):
    """A block is one transaction."""
    with pytest.raises(ZeroDivisionError):
        async with store.write(world.one.tenant) as rows:
            await rows.add(JournalEntry(direction=MailDirection.OUTGOING))
            raise ZeroDivisionError
    async with store.read(world.one.tenant) as rows:
        assert await rows.journal() == []


async def test_a_tenant_goes_with_all_it_owns(world, store):
    """And with nothing of the others."""
    await world.configurations.save(world.one, smtp())
    async with store.operate() as rows:
        await rows.remove_tenant(world.one.tenant)
        assert [tenant.name for tenant in await rows.tenants()] == ["Two"]
    async with store.read(world.one.tenant) as rows:
        assert (list(await rows.inboxes()), list(await rows.audit())) == ([], [])
    assert await world.configurations.read(world.two)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("kind", OWNED, ids=lambda kind: kind.__name__)
async def test_the_database_shows_nothing_without_a_tenant(world, database, kind):  # SEC-04
    """The second wall: plain SQL of the application's or the owner's role finds no row, whatever it claims."""
    async with world.store.operate() as rows:
        row = TabRow(tenant_id=world.one.tenant, tab="senders", word="x")
        await rows.add(row)
    for url in (database.application, database.owner):
        for claim in ("", "*", new_id()):
            assert await _count(url, kind.__tablename__, claim) == 0
    own = await _count(database.application, "tab_rows", world.one.tenant)
    other = await _count(database.application, "tab_rows", world.two.tenant)
    assert own == other + 1 > 1
    assert await _count(database.operator, "tab_rows", "*") == own + other
    assert await _count(database.operator, "tab_rows", "") == 0


async def _count(url, table, claim):
    engine = make_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text("SELECT set_config('app.tenant', :claim, true)"), {"claim": claim})
        count = await connection.scalar(text(f"SELECT count(*) FROM {table}"))
    await engine.dispose()
    return count


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_the_database_refuses_rows_of_another_tenant(world, database):  # SEC-04
    """An insert for somebody else fails in the database itself."""
    engine = make_engine(database.application)
    values = {"tenant_id": world.two.tenant, "id": new_id(), "tab": "senders", "word": "x", "meaning": ""}
    with pytest.raises(DBAPIError, match="row-level security"):
        async with engine.begin() as connection:
            await connection.execute(text("SELECT set_config('app.tenant', :t, true)"), {"t": world.one.tenant})
            await connection.execute(insert(TabRow.__table__), values)
    await engine.dispose()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_a_tenant_does_not_stay_on_a_connection(world, database):  # SEC-04
    """The next transaction on a pooled connection starts without one."""
    engine = make_engine(database.application, pool_size=1, max_overflow=0)
    async with engine.begin() as connection:
        await connection.execute(text("SELECT set_config('app.tenant', :t, true)"), {"t": world.one.tenant})
    async with engine.begin() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM inboxes")) == 0
    await engine.dispose()


async def test_users_of_another_tenant_are_not_signed_in(world):  # SEC-04
    """The same address in two tenants is two users."""
    async with world.store.write(world.two.tenant) as rows:
        await rows.add(User(email="ann@example.test", name="Ann", role="agent", password_hash="x"))
    async with world.store.read(world.one.tenant) as rows:
        assert await rows.user_by_email("ann@example.test") is None
