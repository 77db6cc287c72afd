"""``mailport test``: the ladder, live, and an exit code by its cause."""

import pytest

from tests.core.conftest import ANN, BOB

pytest_plugins = ["tests.core.cli_kit"]


def test_each_rung_is_shown(run, account, installed_memory):  # TST-01
    """What was checked, how long it took and what the server said; the announcement comes first."""
    result = run("test", account)
    assert result.exit_code == 0
    assert result.stderr == "This checks the connection; it sends nothing and changes nothing.\n"
    words = [line.split() for line in result.stdout.splitlines()]
    assert ["passed", "authentication"] in [line[:2] for line in words]
    assert f"Signed in as {ANN}." in result.stdout
    assert installed_memory.accepted == []


def test_the_first_failure_is_the_cause(run, account, monkeypatch):  # TST-07
    """Code, field and remedy stand below the rung that failed; nothing comes after it."""
    monkeypatch.setenv("PASSWORD_OF_ANN", "wrong")
    result = run("test", account, "--send")
    assert result.exit_code == 4
    *_, failed, code, field, remedy = result.stdout.splitlines()
    assert failed.startswith("failed  authentication")
    assert (code.split(), field.split()) == (["code:", "authentication.refused"], ["field:", "password"])
    assert remedy.strip() == "remedy: Enter the password anew."


def test_sending_is_announced_and_one_mail_arrives(run, account, installed_memory):  # TST-01, TST-03
    """Exactly one mail goes to User Name."""
    result = run("test", account, "--send")
    assert result.exit_code == 0
    assert result.stderr == f"This checks the connection and then sends a mail to {ANN}.\n"
    assert [mail.envelope_to for mail in installed_memory.accepted] == [(ANN,)]


def test_a_round_trip_looks_for_the_mail(answer, account):
    """The incoming account of the same mailbox finds what the outgoing one sent."""
    code, document = answer("test", account, "--round-trip", account)
    states = {rung["rung"]: rung["state"] for rung in document["rungs"]}
    assert (code, document["passed"]) == (0, True)
    assert (states["send"], states["round_trip"]) == ("passed", "passed")


def test_a_round_trip_through_another_mailbox_is_warned_about(run, account, tmp_path):
    """A mail that goes to one person is not found with another one's account: that is said before anything is tried."""
    other = tmp_path / "bob.toml"
    other.write_text(account.read_text().replace(ANN, BOB))
    with_bob, with_ann = (run("test", account, "--round-trip", incoming) for incoming in (other, account))
    assert f"warning: The mail goes to {ANN}, and is looked for in the mailbox of {BOB}." in with_bob.stderr
    assert "warning" not in with_ann.stderr


def test_the_report_as_json(answer, account, monkeypatch):  # TST-02
    """Every rung in order; after the cause all are skipped, sending too."""
    monkeypatch.setenv("PASSWORD_OF_ANN", "wrong")
    code, document = answer("test", account, "--send")
    assert (code, document["protocol"], document["direction"], document["passed"]) == (4, "memory", "outgoing", False)
    rungs = {rung.pop("rung"): rung for rung in document["rungs"]}
    assert rungs["authentication"]["code"] == "authentication.refused"
    assert rungs["send"]["state"] == "skipped"


def test_an_inbox_is_tested_by_its_direction(answer, account):  # TST-11
    """The file names the direction, the option overrides it."""
    account.write_text('direction = "incoming"\n' + account.read_text())
    code, document = answer("test", account)
    assert (code, document["direction"]) == (0, "incoming")
    assert answer("test", account, "--direction", "outgoing")[1]["direction"] == "outgoing"


def test_an_inbox_cannot_send_a_test_mail(run, account):
    """The wish is refused before anything is tried, and the remedy says how to say it."""
    result = run("test", account, "--direction", "incoming", "--send")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "--round-trip" in result.stderr


def test_block_outgoing_email_is_told(run, account, installed_memory):  # TST-09
    """The connection is checked, the mail is not sent, and the field is named."""
    account.write_text(account.read_text() + "block_outgoing_email = true\n")
    result = run("test", account, "--send")
    assert (result.exit_code, installed_memory.accepted) == (3, [])
    assert "field:  block_outgoing_email" in result.stdout


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ConfigurationError", 3),
        ("AuthenticationFailed", 4),
        ("PermissionDenied", 4),
        ("Unreachable", 5),
        ("TimedOut", 5),
        ("Throttled", 5),
        ("Refused", 6),
        ("Uncertain", 7),
        ("NotFound", 8),
        ("PluginError", 9),
        ("UnsupportedFeature", 10),
        ("TransportError", 6),
        ("SomethingElse", 1),
    ],
)
def test_the_exit_code_follows_from_the_errors_class(name, expected):
    """What the caller should do is what the class of the cause says."""
    from mailport.cli.exits import of_name  # noqa: PLC0415 - not without the extra

    assert of_name(name) == expected
