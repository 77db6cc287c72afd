"""Migrations, and how each database is used."""

import asyncio
import secrets
import traceback
from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import StatementError

from mailport.errors import ConfigurationError, Unreachable
from mailport_workspace.database import make_engine, migrate
from mailport_workspace.store import Store
from mailport_workspace.tables import Base, JournalEntry, MailDirection, Tab, TabRow, new_id
from mailport_workspace.tenants.fresh import found_tenant
from tests.workspace.forms import smtp


async def _look(url, question):
    engine = make_engine(url)
    async with engine.connect() as connection:
        answer = await connection.run_sync(question)
    await engine.dispose()
    return answer


def _differences(connection):
    context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
    return compare_metadata(context, Base.metadata)


async def test_the_migrations_make_the_tables(database):
    """Nothing is left to migrate after the last one."""
    assert await _look(database.owner, _differences) == []


async def test_migrating_again_changes_nothing(database, world):
    """Two processes that start at once both succeed, and the rows stay."""
    roles = {"application": database.application, "operator": database.operator}
    await world.configurations.save(world.one, smtp())
    await asyncio.gather(*(migrate(database.owner, **roles) for _ in range(2)))
    assert await world.configurations.account(world.one.tenant)


async def test_migrations_go_back(database):
    """The first one leaves nothing but Alembic's own table behind."""

    def down(connection):
        config = Config()
        config.set_main_option("script_location", "mailport_workspace:migrations")
        config.attributes["connection"] = connection
        command.downgrade(config, "base")

    engine = make_engine(database.owner, foreign_keys=False)
    async with engine.begin() as connection:
        await connection.run_sync(down)
    await engine.dispose()
    assert await _look(database.owner, lambda connection: inspect(connection).get_table_names()) == ["alembic_version"]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_one_role_is_enough(postgres, database):
    """With one URL for everything the walls stand, and work across tenants is possible."""
    url = postgres.url("owner", postgres.create())
    await migrate(url)
    store = Store(url)
    tenants = [await found_tenant(store, name) for name in ("One", "Two")]
    async with store.operate() as rows:
        assert [tenant.id for tenant in await rows.tenants()] == tenants
    async with store.read(tenants[0]) as rows:
        assert [inbox.tenant_id for inbox in await rows.inboxes()] == tenants[:1]
    await store.close()
    assert await _look(url, lambda connection: connection.exec_driver_sql("SELECT count(*) FROM inboxes").scalar()) == 0


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_a_role_that_passes_the_walls_is_told(postgres, database, caplog):  # SEC-04
    """A superuser sees every row whatever its transaction says; migrating says so."""
    await migrate(database.owner, application=database.application, operator=database.operator)
    assert caplog.messages == []
    superuser = postgres.url("admin", database.owner.rpartition("/")[2])
    await migrate(database.owner, application=superuser, operator=database.operator)
    assert [message for message in caplog.messages if "admin" in message and "walls" in message]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_sqlite_is_set_up_to_be_shared(database):
    """Write-ahead log, every commit on the disk, 30 s of patience, foreign keys."""
    found = {}
    for pragma in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys"):
        found[pragma] = await _look(database.owner, lambda c, p=pragma: c.exec_driver_sql(f"PRAGMA {p}").scalar())
    assert found == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 30000, "foreign_keys": 1}


async def test_writers_wait_for_each_other(world, store):
    """Transactions that read first and write later all succeed: none loses what another wrote."""

    async def count_up():
        async with store.write(world.one.tenant) as rows:
            row = await rows.configuration(for_update=True)
            seen = row.version
            await asyncio.sleep(0.01)
            row.version = seen + 1

    await asyncio.gather(*(count_up() for _ in range(10)))
    async with store.read(world.one.tenant) as rows:
        assert (await rows.configuration()).version == 11


async def test_readers_do_not_wait_for_a_writer(world, store):
    """What is not committed is not seen, and holds nobody up."""
    async with store.write(world.one.tenant) as rows:
        await rows.add(TabRow(tab=Tab.SENDERS, word="x", meaning="deny"))
        async with asyncio.timeout(2), store.read(world.one.tenant) as others:
            assert await others.tab(Tab.SENDERS) == []


async def test_moments_keep_their_place_in_time(world, store):
    """Whatever time zone they were given in, they come back as the same moment in UTC; without one they are refused."""
    moment = datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=2)))
    async with store.write(world.one.tenant) as rows:
        await rows.add(JournalEntry(direction=MailDirection.INCOMING, sent_at=moment))
    async with store.read(world.one.tenant) as rows:
        (entry,) = await rows.journal()
    assert (entry.sent_at, entry.sent_at.tzinfo) == (moment, UTC)
    with pytest.raises(StatementError, match="time zone"):
        async with store.write(world.one.tenant) as rows:
            await rows.add(JournalEntry(direction=MailDirection.INCOMING, sent_at=moment.replace(tzinfo=None)))


async def test_a_conflict_is_told_without_the_values(world, store):  # SEC-01
    """The error of the database holds what was to be stored; ours does not, nor its cause."""
    word = secrets.token_urlsafe(16)
    with pytest.raises(ConfigurationError) as caught:
        async with store.write(world.one.tenant) as rows:
            await rows.add(*(TabRow(tab=Tab.SENDERS, word=word) for _ in range(2)))
    assert caught.value.code == "store.conflict"
    assert word not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_full_disk_is_told(world, store, database):
    """Nothing is stored halfway, and what was there before can be read."""
    async with store._engine.connect() as connection:
        await connection.execute(text("PRAGMA max_page_count = 1"))
    with pytest.raises(Unreachable) as caught:
        async with store.write(world.one.tenant) as rows:
            await rows.add(*(JournalEntry(direction=MailDirection.INCOMING, subject="x" * 100_000) for _ in range(5)))
    assert caught.value.code == "store.unavailable"
    assert await world.configurations.read(world.one)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_damaged_file_is_told(world, store, tmp_path):
    """Pages of something else, or no database at all."""
    await store.close()
    path = tmp_path / "mailport.db"
    for first in (4096, 0):
        path.write_bytes(path.read_bytes()[:first] + b"x" * 400_000)
        for log in tmp_path.glob("mailport.db-*"):
            log.unlink()
        with pytest.raises(Unreachable) as caught:
            await world.configurations.read(world.one)
        assert caught.value.code == "store.damaged"
        await store.close()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_a_database_that_became_a_standby_is_told(world, store):
    """At a fail-over the former primary reads only; trying again will help."""
    with pytest.raises(Unreachable) as caught:
        async with store.write(world.one.tenant) as rows:
            await (await rows._session.connection()).execute(text("SET TRANSACTION READ ONLY"))
            await rows.add(TabRow(tab=Tab.SENDERS, word="word"))
    assert (caught.value.code, "standby" in caught.value.message) == ("store.unavailable", True)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_a_value_that_the_database_cannot_hold_is_told(world, store):
    """A text that is too long for its column is an error of the one who sent it."""
    with pytest.raises(ConfigurationError) as caught:
        async with store.write(world.one.tenant) as rows:
            await rows.add(TabRow(tab=Tab.SENDERS, word="x" * 600))
    assert caught.value.code == "store.value"


def test_ids_sort_by_the_time_they_were_made():
    """Rows that are made together lie together, and no two ids are equal."""
    ids = [new_id() for _ in range(1000)]
    assert len({*ids}) == 1000
    assert [made[:12] for made in ids] == sorted(made[:12] for made in ids)
    assert {len(made) for made in ids} == {32}
