"""`mailport migrate-to-graph`: the successor's settings, and the proof that both read the same mailbox."""

import json
import stat
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mailport.cli.app import app
from mailport.errors import ConfigurationError
from mailport.testing.messages import incoming as raw_mail
from mailport_ews.successor import graph_values, to_toml
from tests.peers.fake_ews.server import FakeEws
from tests.peers.fake_graph import FakeGraph
from tests.peers.pki import Pki
from tests.peers.tokens import TokenIssuer
from tests.plugins.ews.conftest import USER

APP = {"client_tenant_id": "example.org", "client_id": "6f1d1c1e", "client_secret_key": {"env": "SECRET"}}
Run = Callable[..., Result]


@pytest.fixture
def graph(pki: Pki, token_issuer: TokenIssuer) -> Iterator[FakeGraph]:
    """Microsoft Graph with the same mailbox, still empty."""
    with FakeGraph(token_issuer, pki.server_context()) as service:
        service.mailbox(USER)
        yield service
    assert service.violations == []


@pytest.fixture
def account(oauth: dict[str, Any], pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An account file of an inbox, whose secret and authorities stand elsewhere."""
    monkeypatch.setenv("DESK_SECRET", oauth["client_secret_key"])
    path = tmp_path / "accounts" / "desk.toml"
    path.parent.mkdir()
    (path.parent / "ca.pem").write_text(pki.ca_pem)
    references = {"client_secret_key": {"env": "DESK_SECRET"}, "ca_certificates": {"file": "ca.pem"}}
    values = oauth | references | {"direction": "incoming", "poll_interval": 30}
    path.write_text(to_toml(values, read_in=path.parent, written_in=path.parent))
    return path


@pytest.fixture
def run(graph: FakeGraph) -> Run:
    """Run the command on our own Graph."""
    return lambda *words: CliRunner().invoke(app, ["migrate-to-graph", "--graph-url", graph.service, *map(str, words)])


def test_the_same_mailbox_is_found(ews: FakeEws, graph: FakeGraph, account: Path, run: Run) -> None:
    """The file is written and a message that both show is named."""
    raw = raw_mail("Here and there")
    ews.room.store(USER).put(raw)
    graph.mailbox(USER).add("F-inbox", raw=raw)
    done = run(account)
    assert done.exit_code == 0, done.output
    assert "Both read the same mailbox: <" in done.stdout
    assert "2027-04-01" in done.stderr
    written = account.with_name("desk.graph.toml")
    assert tomllib.loads(written.read_text())["client_secret_key"] == {"env": "DESK_SECRET"}
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_another_mailbox_is_told(ews: FakeEws, graph: FakeGraph, account: Path, run: Run) -> None:
    """Where Graph does not show what EWS shows, the command says so and fails."""
    ews.room.store(USER).put(raw_mail("Here"))
    graph.mailbox(USER).add("F-inbox", raw=raw_mail("There"))
    done = run(account)
    assert done.exit_code == 8
    assert "another mailbox" in done.stderr


def test_an_outgoing_account_is_compared_too(
    ews: FakeEws, graph: FakeGraph, account: Path, run: Run, oauth: dict[str, Any]
) -> None:
    """An account that sends is compared by the inbox of its mailbox."""
    raw = raw_mail("Here and there")
    ews.room.store(USER).put(raw)
    graph.mailbox(USER).add("F-inbox", raw=raw)
    account.write_text(to_toml(oauth | {"from_address": "desk@example.org"}, read_in=account.parent, written_in=account.parent))
    done = run(account, "--json", "--output", account.with_name("new.toml"))
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["compared"] is True


def test_nothing_is_overwritten(account: Path, run: Run) -> None:
    """An existing file stays as it is."""
    account.with_name("desk.graph.toml").write_text("mine")
    assert run(account, "--no-compare").exit_code == 3
    assert account.with_name("desk.graph.toml").read_text() == "mine"


def test_a_password_account_needs_an_application(account: Path, plain: dict[str, Any], run: Run, oauth: dict[str, Any]) -> None:
    """Graph takes no password: the application is named on the command line, its secret by a variable."""
    account.write_text(to_toml(plain, read_in=account.parent, written_in=account.parent))
    done = run(account, "--no-compare")
    assert done.exit_code == 3
    assert "--client-id" in done.stderr
    application = ["--tenant", "t", "--client-id", oauth["client_id"], "--secret-env", "DESK_SECRET"]
    done = CliRunner().invoke(app, ["migrate-to-graph", str(account), "--no-compare", *application])
    assert done.exit_code == 0, done.output


def test_an_account_of_another_protocol(tmp_path: Path, run: Run) -> None:
    """Only EWS accounts are moved."""
    path = tmp_path / "smtp.toml"
    path.write_text('protocol = "smtp"\nauthentication = "none"\nhost = "mail.example.org"\nuser_name = "a@example.org"\n')
    done = run(path)
    assert done.exit_code == 3
    assert "not of EWS" in done.stderr


@pytest.mark.parametrize(
    ("resource", "cloud"),
    [
        ("https://outlook.office365.com", None),
        ("https://outlook.office365.us", "us_gov_l4"),
        ("https://outlook-dod.office365.us/", "us_gov_l5"),
        ("https://partner.outlook.cn", "china"),
    ],
)
def test_clouds(resource: str, cloud: str | None) -> None:
    """Graph's cloud follows from the resource that the token was asked for."""
    # VER-05
    assert graph_values({**APP, "client_resource_url": resource}, {}).get("cloud") == cloud


def test_an_own_server_has_no_graph() -> None:
    """An Exchange server of one's own stays with EWS."""
    with pytest.raises(ConfigurationError, match="none of Microsoft's clouds"):
        graph_values({**APP, "client_resource_url": "https://mail.example.org"}, {})


def test_everything_that_means_the_same_is_kept() -> None:
    """Rules, folder, sender and the host's own fields are kept, the password and the TLS version of old are not."""
    values = APP | {"password": "x", "folder": "Support", "block_outgoing_email": True, "minimum_tls_version": "1.1"}
    found = graph_values(values | {"custom": {"team": "blue"}}, {})
    assert found["folder"] == "Support"
    assert found["block_outgoing_email"] is True
    assert found["custom"] == {"team": "blue"}
    assert not {"password", "minimum_tls_version"} & set(found)


def test_toml_reads_as_it_was(tmp_path: Path) -> None:
    """What is written reads as the same values, with files named from where it lies."""
    values = {
        "user_name": 'quoted "name" \\ \x7f ü\n',
        "port": 5,
        "on": True,
        "key": {"file": "key.pem"},
        "custom": {"a b": ["x"]},
    }
    text = to_toml(values, read_in=tmp_path / "old", written_in=tmp_path / "new")
    assert tomllib.loads(text) == values | {"key": {"file": "../old/key.pem"}}
