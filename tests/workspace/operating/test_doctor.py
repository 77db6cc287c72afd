"""The check-up: everything that keeps a deployment from its work is found, with a remedy."""

import shutil

import pytest
from sqlalchemy.engine import make_url

from mailport_workspace.observing.checkup import check_up
from mailport_workspace.observing.finding import FindingState
from mailport_workspace.sealing import KeyRing, Place, new_key
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.tables import Base, ConnectionTest, Inbox, MailConfiguration, TenantSecrets, Webhook, new_id
from mailport_workspace.tenants.rotation import SEALED
from tests.workspace.forms import smtp


async def findings(**settings):
    """The findings that are not in order, by check."""
    return {f.name: f for f in await check_up(WorkspaceSettings(**settings)) if f.state is not FindingState.OK}


async def test_a_deployment_in_order_has_one_warning(deployment):
    """Nobody works yet."""
    found = await findings()
    assert (set(found), found["workers"].state) == ({"workers"}, FindingState.WARNING)


def test_the_command_tells_people_and_programs(deployment, command):
    """Warnings end with 0, what failed with 3, a database that is away with 5; every finding that is not ok has a remedy."""
    told = command("doctor", "--json")
    assert (told.exit_code, {"settings", "database", "workers"} - {row["name"] for row in told.told}) == (0, set())
    assert all(row["remedy"] for row in told.told if row["state"] != "ok")
    assert "warning\tworkers\t" in command("doctor").stdout


@pytest.mark.parametrize(
    ("change", "check", "state", "code"),
    [
        ({"MAILPORT_KEYS": "nonsense"}, "keys", "failed", 3),
        ({"MAILPORT_ENGINE": "steam"}, "engine", "failed", 3),
        ({"MAILPORT_EGRESS_PUBLIC_ONLY": "false"}, "egress", "warning", 0),
        ({"MAILPORT_ALLOW_LEGACY_TLS": "true"}, "egress", "warning", 0),
        ({"MAILPORT_LOCAL_ROOT": "nowhere"}, "disk", "failed", 3),
        ({"MAILPORT_DATABASE_URL": "postgresql+psycopg://x@127.0.0.1:1/x"}, "database", "failed", 5),
    ],
)
def test_what_is_wrong_is_found(deployment, command, monkeypatch, change, check, state, code):
    """The check that it concerns says so."""
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    told = command("doctor", "--json")
    found = [row["state"] for row in told.told if row["name"] == check and row["state"] != "ok"]
    assert (found, told.exit_code) == ([state], code)


async def test_weak_connections_are_named(deployment, world):  # SEC-02
    """With tenant and account: an operator sees every weakening of every tenant."""
    ring = new_key("first")
    settings = WorkspaceSettings(keys=ring)
    form = smtp(use_ssl_tls="none")
    world.configurations._ring = settings.key_ring()
    await world.configurations.save(world.one, form)
    found = await findings(keys=ring)
    assert "One: desk@example.test credentials travel without encryption" in found["accounts"].said
    assert form["password"] not in repr(found)


async def test_keys_that_are_needed_are_named(deployment, world):
    """A key that is gone from the ring fails; one that is no longer the first asks for rotation."""
    old, new = new_key("old"), new_key("new")
    world.configurations._ring = WorkspaceSettings(keys=old).key_ring()
    await world.configurations.save(world.one, smtp())
    assert "old" in (await findings(keys=f"{new},{old}"))["secrets"].said
    gone = (await findings(keys=new))["secrets"]
    assert (gone.state, "old" in gone.said) == (FindingState.FAILED, True)


@pytest.mark.parametrize("kind", SEALED)
async def test_the_keys_of_every_table_with_secrets_are_looked_at(deployment, world, kind):
    """Else an operator takes a key away that the one forgotten table still needs."""
    old, new = new_key("old"), new_key("new")
    row = {"id": new_id(), "secrets": {"key": KeyRing.parse(old).seal("x", Place("any", "any", "key"))}}
    named = {TenantSecrets: {"name": "any"}, Webhook: {"name": "any", "url": "https://example.test/"}, Inbox: {"name": "any"}}
    async with world.store.write(world.one.tenant) as rows:
        if kind is MailConfiguration:
            (await rows.configuration()).secrets = row["secrets"]
        else:
            await rows.add(kind(**row, **named[kind]))
    assert (await findings(keys=new))["secrets"].state is FindingState.FAILED


def test_every_table_with_secrets_is_rotated():
    """Those of a connection test are gone at its end; every other one would be lost with its key."""
    sealed = {mapper.class_ for mapper in Base.registry.mappers if "secrets" in mapper.columns}
    assert sealed == {*SEALED, ConnectionTest}


async def test_inboxes_that_stand_still_are_named(deployment, world):
    """With the last error; one that is disabled is nobody's trouble."""
    async with world.store.write(world.one.tenant) as rows:
        await rows.add(Inbox(name="Sick", enabled=True, failures=3, last_error="The server is away."))
        await rows.add(Inbox(name="Off", enabled=False, failures=3))
    found = await findings()
    assert ("Sick" in found["inboxes"].said, "server is away" in found["inboxes"].said) == (True, True)


async def test_a_little_disk_is_told(deployment, monkeypatch):
    """Before it is full; when it nearly is, that fails."""
    usage = shutil.disk_usage(deployment.folder)
    for free, state in ((50 * 2**20, FindingState.FAILED), (500 * 2**20, FindingState.WARNING)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        assert (await findings(local_root=deployment.folder))["disk"].state is state


async def test_a_key_file_that_others_read_is_told(deployment, monkeypatch):
    """With the command that mends it."""
    monkeypatch.delenv("MAILPORT_KEYS")
    file = deployment.folder / "keys"
    file.write_text(new_key())
    file.chmod(0o644)
    assert (await findings(key_file=file))["keys"].remedy == f"chmod 600 {file}"


async def test_a_role_that_passes_the_walls_is_told(deployment, postgres):
    """The superuser as application's role is a warning; a table without its wall fails."""
    if "sqlite" in deployment.database_url:
        pytest.skip("SQLite has no roles")
    url = make_url(deployment.database_url)
    admin = url.set(username="admin").render_as_string(hide_password=False)
    assert (await findings(database_url=admin))["walls"].state is FindingState.WARNING
    postgres.execute("ALTER TABLE inboxes DISABLE ROW LEVEL SECURITY", database=url.database)
    hole = (await findings())["walls"]
    assert (hole.state, "inboxes" in hole.said) == (FindingState.FAILED, True)


async def test_looking_makes_nothing(tmp_path, monkeypatch):
    """No database, no key file, no lock."""
    monkeypatch.chdir(tmp_path)
    assert "schema" in await findings()
    assert list(tmp_path.iterdir()) == []
