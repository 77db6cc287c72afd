"""``mailport send``: message files over one account."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.core.conftest import ANN

pytest_plugins = ["tests.core.cli_kit"]


def test_a_message_leaves_as_it_stands(run, account, installed_memory, eml):
    """The bytes of the file are what arrives; the line says what the server said to each recipient."""
    path = eml(body="one\n.\n  two \n")
    result = run("send", account, path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{path}\tbob@example.org\taccepted\t250 OK\n"
    assert installed_memory.accepted[0].raw == path.read_bytes()


def test_outcomes_stand_in_the_order_of_the_files(answer, account, installed_memory, eml):
    """A receipt or an error for each file, whatever finished first."""
    files = [eml(f"{number}.eml") for number in range(30)]
    files[7].write_bytes(b"")
    code, document = answer("send", account, *files)
    outcomes = document["messages"]
    assert [outcome["file"] for outcome in outcomes] == [str(path) for path in files]
    assert (code, outcomes[7]["exit"], outcomes[7]["error"]["code"]) == (3, 3, "message.file")
    assert sum(outcome["receipt"] is not None for outcome in outcomes) == len(installed_memory.accepted) == 29


def test_a_partial_refusal_shows_the_receipt(run, answer, account, installed_memory, eml):
    """Who got it and who did not; the exit code says that somebody did not."""
    installed_memory.refused.add("nobody@example.org")
    installed_memory.deferred.add("busy@example.org")
    path = eml(headers=f"From: {ANN}\nTo: bob@example.org, nobody@example.org\nCc: busy@example.org")
    result = run("send", account, path)
    assert result.exit_code == 6
    assert [line.split("\t")[2] for line in result.stdout.splitlines()] == ["accepted", "refused", "deferred"]
    (outcome,) = answer("send", account, path)[1]["messages"]
    statuses = {recipient["address"]: recipient["status"] for recipient in outcome["receipt"]["recipients"]}
    assert statuses == {"bob@example.org": "accepted", "nobody@example.org": "refused", "busy@example.org": "deferred"}


def test_a_total_refusal_carries_the_receipt_too(answer, account, installed_memory, eml):
    """The error says what happened, the receipt to whom."""
    installed_memory.refused.add("bob@example.org")
    code, document = answer("send", account, eml())
    (outcome,) = document["messages"]
    assert (code, outcome["error"]["error"]) == (6, "Refused")
    assert outcome["receipt"]["recipients"][0]["status"] == "refused"


FAULTS = {"throttle": (30.0, 5), "cut_before_handover": (True, 5), "cut_after_handover": (True, 7), "refuse": (True, 6)}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_exit_code_says_what_to_do(run, account, installed_memory, eml, fault):
    """Try later, look it up, or give up: each class of error has its code."""
    value, code = FAULTS[fault]
    setattr(installed_memory.faults, fault, value)
    result = run("send", account, eml())
    assert result.exit_code == code
    assert result.stderr.startswith("error: ")


def test_wrong_credentials_are_tried_once(run, account, installed_memory, eml, monkeypatch):
    """Ten messages with a wrong password are one attempt: servers lock accounts."""
    monkeypatch.setenv("PASSWORD_OF_ANN", "wrong")
    result = run("send", account, *[eml(f"{number}.eml") for number in range(10)])
    assert (result.exit_code, installed_memory.failed_sign_ins) == (4, 1)
    assert result.stderr.count("error: ") == 10


def test_a_blocked_message_is_no_success(run, account, installed_memory, eml):  # SND-07
    """Block Outgoing Email is told as what it is: a setting."""
    account.write_text(account.read_text() + "block_outgoing_email = true\n")
    result = run("send", account, eml())
    assert (result.exit_code, len(installed_memory.accepted)) == (3, 0)
    assert "\tblocked\tBlock Outgoing Email is on.\n" in result.stdout


def test_a_literal_secret_works_and_warns(run, account, eml):
    """The secret itself is not in the warning."""
    account.write_text(f'protocol = "memory"\nuser_name = "{ANN}"\npassword = "secret-of-ann"\n')
    result = run("send", account, eml())
    assert result.exit_code == 0
    assert "warning: " in result.stderr
    assert "secret-of-ann" not in result.output


FAULTY = """
from mailport.hookspecs import hookimpl
from mailport.transport import Sender
from tests.core.test_registry import PROTOCOL
class Faulty(Sender):
    async def send(self, message):
        return {}["receipt"]
@hookimpl
def mailport_fields():
    return (PROTOCOL,)
@hookimpl
def mailport_send(account, services):
    return Faulty()
"""


def test_a_transport_that_fails_is_no_traceback(site, run, eml, tmp_path):  # PLG-03
    """A fault in a transport is one message's error, and says whose fault it is."""
    site.install("mailport-faulty", modules={"faulty_transport": FAULTY}, plugins={"faulty": "faulty_transport"})
    account = tmp_path / "faulty.toml"
    account.write_text('protocol = "one"')
    result = run("send", account, eml())
    assert (result.exit_code, "Traceback" in result.stderr) == (9, False)
    assert "The transport failed to send with KeyError." in result.stderr
    assert "faulty_transport.py" in run("--traceback", "send", account, eml()).stderr


MEMORY = """
import asyncio, sys
from mailport.testing.memory import MemoryMail, MemoryPlugin
class Gate:
    async def passed(self):
        sys.stderr.write("sending\\n")
        await asyncio.sleep({seconds})
MAIL = MemoryMail({{"ann@example.org": "secret-of-ann"}})
MAIL.bodies = Gate()
PLUGIN = MemoryPlugin(MAIL)
"""


@pytest.fixture
def elsewhere(site, tmp_path, eml):
    """Start sending in another process, where a message takes so many seconds."""
    account = tmp_path / "slow.toml"
    account.write_text(f'protocol = "memory"\nuser_name = "{ANN}"\npassword = "secret-of-ann"\n')
    command = [sys.executable, "-m", "mailport", "send", account, eml()]
    environ = os.environ | {"PYTHONPATH": str(site.path), "TERM": "xterm"}

    def start(seconds, *more, stderr=subprocess.PIPE):
        module = MEMORY.format(seconds=seconds)
        site.install("mailport-slow", modules={"slow_memory": module}, plugins={"slow": "slow_memory:PLUGIN"})
        return subprocess.Popen([*command, *more], env=environ, stdout=subprocess.PIPE, stderr=stderr, text=True)

    return start


def test_progress_is_shown_on_a_terminal_and_kept_out_of_the_result(elsewhere, terminal):
    """Who pipes the result somewhere still sees on the terminal that work goes on."""
    with elsewhere(0.3, stderr=terminal.program_side) as process:
        shown = terminal.read()
        assert process.stdout.read().endswith("\tbob@example.org\taccepted\t250 OK\n")
    assert b"0/1" in shown


def test_ctrl_c_ends_cleanly_and_says_what_is_unfinished(elsewhere):
    """130 as shells expect, no traceback, and the document still lists every file."""
    with elsewhere(60, "--json") as process:
        assert "sending\n" in iter(process.stderr.readline, "")  # the end of its output is empty, again and again
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (130, "interrupted\n")
    assert json.loads(stdout)["messages"][0]["exit"] == 130
