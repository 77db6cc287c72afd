"""Tenants, users, transfer and bad circumstances on the command line."""

import asyncio
import json
import os
import secrets
import sqlite3
import subprocess
import sys

import pytest
from sqlalchemy import text

from mailport_workspace.cli.app import COMMANDS
from mailport_workspace.database import make_engine
from tests.workspace.forms import smtp

pytestmark = pytest.mark.usefixtures("deployment")


def test_a_tenant_and_its_first_user(command):
    """Made by name; the password is made too, is shown once, and lets the user in."""
    assert command("tenant", "add", "One").exit_code == 0
    made = command("user", "add", "one", "Ann@Example.org", "--json").told
    assert len(made["password"]) >= 12
    listed = command("user", "list", "One", "--json").told
    assert [(row["email"], row["role"], row["active"]) for row in listed] == [("ann@example.org", "administrator", True)]
    assert made["password"] not in json.dumps(listed)
    assert [row["name"] for row in command("tenant", "list", "--json").told] == ["One"]


def test_users_change(command):
    """A given password is not shown again; the last administrator stays."""
    command("tenant", "add", "One")
    password = secrets.token_urlsafe(12)
    done = command("user", "add", "One", "ann@example.org", "--password-stdin", given=f"{password}\n")
    assert (done.exit_code, password in done.output) == (0, False)
    assert command("user", "disable", "One", "ann@example.org").exit_code == 3
    command("user", "add", "One", "bob@example.org", "--role", "administrator")
    assert command("user", "disable", "One", "ann@example.org").exit_code == 0
    assert command("user", "password", "One", "bob@example.org").exit_code == 0
    assert command("user", "list", "One").stdout.splitlines()[0].split("\t")[-1] == "disabled"


def test_a_tenant_goes_with_everything(command):
    """Asked for first, unless the operator says yes beforehand."""
    command("tenant", "add", "One")
    assert command("tenant", "remove", "One", given="n\n").exit_code == 130
    assert command("tenant", "remove", "One", "--yes").exit_code == 0
    assert command("tenant", "list", "--json").told == []


def test_a_configuration_moves_to_another_tenant(command, deployment):  # CFG-08
    """The export has no secret, and the import asks for each."""
    for name in ("One", "Two"):
        command("tenant", "add", name)
    document = json.loads(command("export", "One").stdout)
    form = smtp()
    document["configuration"] |= form
    document["secrets_needed"] = []
    file, again = deployment.folder / "one.json", deployment.folder / "two.json"
    file.write_text(json.dumps(document))
    assert command("import", "One", file).exit_code == 0
    again.write_text(exported := command("export", "One").stdout)
    assert form["password"] not in exported
    refused = command("import", "Two", again)
    assert (refused.exit_code, "configuration.password" in refused.output) == (3, True)
    given = deployment.folder / "secrets.json"
    given.write_text(json.dumps({"configuration.password": form["password"]}))
    assert command("import", "Two", again, "--secrets", given).exit_code == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["user", "list", "Nobody"], 8, "tenant"),
        (["user", "disable", "One", "nobody@example.org"], 8, "nobody@example.org"),
        (["tenant", "add", "one"], 3, "already"),
        (["user", "add", "One", "nonsense"], 3, "email"),
        (["import", "One", "missing.json"], 3, "missing.json"),
        (["user", "add", "One"], 2, "EMAIL"),
    ],
)
def test_what_is_wrong_is_one_message(command, words, code, said):
    """With the exit code of its class, and without a traceback; with `--json` as a document."""
    command("tenant", "add", "One")
    result = command(*words)
    assert (result.exit_code, said in result.output) == (code, True)
    assert "Traceback" not in result.output
    if code != 2:
        assert command(*words, "--json").told["message"]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(command, name):
    """Help is one line at least, and needs no settings."""
    assert command(name, "--help").stdout.count("\n") >= 3
    assert f"  {name} " in command("--help").stdout


def test_settings_that_are_wrong_are_named(command, monkeypatch):
    """All at once, each with its variable, and no value is repeated."""
    secret = secrets.token_urlsafe(8)
    monkeypatch.setenv("MAILPORT_DATABASE_URL", f"mysql://x:{secret}@localhost/mail")
    monkeypatch.setenv("MAILPORT_METRICS_PORT", "many")
    told = command("doctor", "--json")
    assert told.exit_code == 3
    assert [problem["field"] for problem in told.told["problems"]] == ["MAILPORT_DATABASE_URL", "MAILPORT_METRICS_PORT"]
    assert secret not in told.output


FULL = """
import resource, runpy
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
runpy.run_module("mailport_workspace", run_name="__main__", alter_sys=True)
"""
"""The command where no file may grow: the limit is set there, because code after a fork of a process with threads may hang."""


def on_sqlite(deployment):
    """The file of the database; other databases have other troubles."""
    if "sqlite" not in deployment.database_url:
        pytest.skip("a file of this machine")
    return deployment.database_url.removeprefix("sqlite+aiosqlite:///")


def test_a_locked_database_is_told(command, deployment, monkeypatch):
    """Once the time to wait is over: try again later."""
    monkeypatch.setattr("mailport_workspace.database.engine._PRAGMAS", ("busy_timeout=50",))
    with sqlite3.connect(on_sqlite(deployment)) as other:
        other.execute("BEGIN IMMEDIATE")
        result = command("tenant", "add", "One")
    assert (result.exit_code, "locked" in result.output) == (5, True)


def test_a_full_disk_is_told(deployment):
    """What was being written is not there, and nothing else is harmed."""
    file = on_sqlite(deployment)
    done = subprocess.run(
        [sys.executable, "-c", FULL, "tenant", "add", "x" * 199],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, "disk" in done.stderr) == (5, True), done.stderr
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT count(*) FROM tenants").fetchone() == (0,)


@pytest.mark.parametrize("words", [["migrate"], ["serve"], ["worker"], ["tenant", "list"], ["rotate-keys"]])
def test_a_database_of_a_later_release_is_refused(command, database, deployment, words):
    """Nothing is written that the later release would not understand."""
    _set_version(database, "9999")
    result = command(*words)
    assert (result.exit_code, "later release" in result.output) == (3, True)


@pytest.mark.parametrize("words", [["tenant", "list"], ["rotate-keys"], ["worker"], ["serve"]])
def test_an_unmigrated_database_is_refused(command, database, deployment, words):
    """Others may use it: the operator decides when. The embedded one is migrated by what works on it alone."""
    _set_version(database, "0001")
    if "sqlite" in deployment.database_url and words[0] in ("serve", "worker"):
        pytest.skip("migrates by itself")
    result = command(*words)
    assert (result.exit_code, "mailport-workspace migrate" in result.output) == (3, True)


def _set_version(database, version):
    async def change():
        engine = make_engine(database.owner)
        async with engine.begin() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
        await engine.dispose()

    asyncio.run(change())


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """An empty folder, where no setting says anything."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("MAILPORT_")]:
        monkeypatch.delenv(name)
    return folder


def test_a_command_in_the_wrong_folder_says_what_it_looked_for(command, elsewhere):
    """The file is named, and nothing is made; a document that is not there is named as well."""
    refused = command("tenant", "list")
    assert (refused.exit_code, f"{elsewhere}/mailport.db" in refused.output, list(elsewhere.iterdir())) == (3, True, [])
    assert "missing.json cannot be read: No such file or directory." in command("import", "One", "missing.json").output


def test_a_key_file_without_its_folder_is_noticed(command, elsewhere, monkeypatch):
    """Before the first start fails because of it."""
    monkeypatch.setenv("MAILPORT_KEY_FILE", str(elsewhere / "nowhere" / "keys"))
    found = {row["name"]: row for row in command("doctor", "--json").told}
    assert f"There is no folder {elsewhere}/nowhere for the key file." in found["keys"]["said"]
