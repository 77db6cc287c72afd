"""What the operator decides, and the commands."""

import asyncio
import secrets

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from mailport.errors import ConfigurationError
from mailport.fields import ComponentType
from mailport_workspace.cli.app import app
from mailport_workspace.sealing import KeyRing, new_key
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.store import Store
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.configuration import Configurations
from mailport_workspace.tenants.fresh import found_tenant
from tests.workspace.forms import smtp


@pytest.fixture(autouse=True)
def _fresh_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_defaults_need_no_other_server():
    """SQLite, Advanced for new tenants, no TLS 1.0, public addresses only."""
    settings = WorkspaceSettings()
    assert settings.is_embedded
    assert settings.default_component_type is ComponentType.ADVANCED
    assert not settings.allow_legacy_tls
    services = settings.mailport()._services
    assert not services.egress.permits("localhost", "127.0.0.1")
    assert services.egress.permits("mail.example.org", "1.1.1.1")


def test_the_environment_decides(monkeypatch):
    """Lists are separated by commas; an empty variable is none."""
    for name, value in {"DEFAULT_COMPONENT_TYPE": "Basic", "EGRESS_ALLOWED": "10.0.0.0/8, mail.local", "KEYS": ""}.items():
        monkeypatch.setenv(f"MAILPORT_{name}", value)
    settings = WorkspaceSettings()
    assert settings.default_component_type is ComponentType.BASIC
    assert settings.egress_allowed == ("10.0.0.0/8", "mail.local")
    assert settings.mailport()._services.egress.permits("mail.example.org", "10.1.2.3")


def test_the_embedded_database_makes_its_key(tmp_path):
    """The same key is there on the next start; with PostgreSQL a missing one is an error."""
    assert WorkspaceSettings().key_ring().keys == WorkspaceSettings().key_ring().keys
    shared = WorkspaceSettings(database_url="postgresql+psycopg://localhost/mailport", key_file=tmp_path / "other")
    with pytest.raises(ConfigurationError):
        shared.key_ring()


@pytest.mark.parametrize("url", ["mysql://x:{secret}@localhost/mail", "postgresql://x:{secret}@localhost/mail", "not:{secret}"])
def test_another_database_is_refused_without_its_password(url):  # SEC-01
    """The error says how a URL begins, and repeats nothing of it."""
    secret = secrets.token_urlsafe(12)
    with pytest.raises(ValidationError) as caught:
        WorkspaceSettings(database_url=url.format(secret=secret))
    assert "sqlite+aiosqlite" in str(caught.value)
    assert secret not in str(caught.value)


def test_secrets_of_the_deployment_are_not_shown():  # SEC-01
    """Neither keys nor the password of the database stand in a repr."""
    secret = secrets.token_urlsafe(12)
    ring = new_key()
    shown = repr(WorkspaceSettings(database_url=f"postgresql+psycopg://x:{secret}@localhost/mail", keys=ring))
    assert secret not in shown
    assert ring.partition(":")[2] not in shown + repr(KeyRing.parse(ring))


def test_the_operator_migrates_and_rotates(tmp_path, monkeypatch):
    """Both commands say what they did, and may be repeated."""
    old, new = new_key("old"), new_key("new")
    monkeypatch.setenv("MAILPORT_KEYS", old)
    run = CliRunner()
    assert run.invoke(app, ["migrate"]).output == run.invoke(app, ["migrate"]).output == "The database is up to date.\n"
    asyncio.run(_fill(WorkspaceSettings()))
    monkeypatch.setenv("MAILPORT_KEYS", f"{new},{old}")
    assert run.invoke(app, ["rotate-keys"]).output == "1 rows were sealed anew.\n"
    assert run.invoke(app, ["rotate-keys"]).output == "0 rows were sealed anew.\n"


async def _fill(settings):
    store = Store(settings.application_url)
    tenant = await found_tenant(store, "One")
    await Configurations(store, settings.mailport(), settings.key_ring()).save(Actor.operator(tenant), smtp())
    await store.close()


def test_a_wrong_setting_is_one_sentence(monkeypatch):
    """It names the variable, and there is no traceback."""
    monkeypatch.setenv("MAILPORT_DATABASE_URL", "mysql://localhost/mail")
    result = CliRunner().invoke(app, ["migrate"])
    assert (result.exit_code, "MAILPORT_DATABASE_URL" in result.output) == (3, True)
    monkeypatch.setenv("MAILPORT_DATABASE_URL", "sqlite+aiosqlite:///mailport.db")
    assert CliRunner().invoke(app, ["migrate"]).exit_code == 0
    monkeypatch.setenv("MAILPORT_KEYS", "nonsense")
    result = CliRunner().invoke(app, ["rotate-keys"])
    assert (result.exit_code, "key ring" in result.output) == (3, True)


def test_a_fresh_key_is_an_entry_of_the_ring():
    """It can be put into the ring as it is printed."""
    assert KeyRing.parse(CliRunner().invoke(app, ["new-key"]).output)
