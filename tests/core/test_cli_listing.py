"""``mailport protocols`` and ``mailport fields``, and how the command itself behaves."""

import importlib.metadata
import json
import os
import subprocess
import sys

import pytest

pytest_plugins = ["tests.core.cli_kit"]

MAILPORT = [sys.executable, "-m", "mailport"]


@pytest.mark.usefixtures("installed_memory")
def test_protocols_as_json(answer):
    """Key, title, directions, authentication and capabilities of each protocol."""
    code, document = answer("protocols")
    assert code == 0
    assert next(protocol for protocol in document["protocols"] if protocol["key"] == "memory") == {
        "key": "memory",
        "title": "Memory",
        "directions": ["outgoing", "incoming"],
        "authentication": {"outgoing": ["plain"], "incoming": ["plain"]},
        "capabilities": {"folders": True, "mark_read": True, "lookup": True, "push": False, "local": True},
    }


@pytest.mark.usefixtures("installed_memory")
def test_fields_as_a_table(run):  # OUT-20
    """One line per field, in the order of the form, under the name that an account file uses."""
    lines = [line.split("\t") for line in run("fields", "memory", "--direction", "incoming").stdout.splitlines()]
    assert [line[0] for line in lines[:4]] == ["authentication", "user_name", "password", "folder"]
    assert ["password", "Password", "secret", "", "yes", ""] in lines
    assert ["folder", "Folder", "text", '"INBOX"', "", ""] in lines


@pytest.mark.usefixtures("installed_memory")
def test_fields_as_json_and_as_a_schema(answer, run):  # OUT-20
    """The flat list for hosts that draw their own form, the JSON Schema for form libraries."""
    _, flat = answer("fields", "memory")
    assert (flat["protocol"], flat["direction"]) == ("memory", "outgoing")
    assert {"user_name", "password", "send_mail_timeout"} <= {field["name"] for field in flat["fields"]}
    schema = json.loads(run("fields", "memory", "--schema").stdout)
    assert schema["oneOf"][0]["properties"]["password"]["writeOnly"]


@pytest.mark.usefixtures("installed_memory")
def test_fields_only_for_what_there_is(run):
    """An unknown protocol is suggested, a direction or component type that it lacks is said."""
    result = run("fields", "memori")
    assert (result.exit_code, "Did you mean “memory”?" in result.stderr) == (3, True)
    assert run("fields", "memory", "--direction", "sideways").exit_code == 2


def test_a_direction_that_a_protocol_lacks_is_an_error(site, run):
    """There is nothing to draw, and a form without a choice would mislead."""
    site.install("modern", modules={"modern_plugin": MODERN}, plugins={"modern": "modern_plugin"})
    for options in (["--direction", "incoming"], ["--component", "basic"]):
        result = run("fields", "modern", *options)
        assert result.exit_code == 3
        assert result.stderr.startswith("error: Modern has no ")


MODERN = """
from typing import Literal
from mailport.fields import ComponentType, ProtocolFields, Settings, setting
from mailport.hookspecs import hookimpl
class Modern(Settings):
    component_types = frozenset({ComponentType.ADVANCED})
    authentication: Literal["modern"] = setting("modern", label="Authentication", choices={"modern": "Modern"})
@hookimpl
def mailport_fields():
    return (ProtocolFields(key="modern", title="Modern", outgoing=(Modern,)),)
@hookimpl
def mailport_send(account, services):
    return None
"""


@pytest.mark.usefixtures("installed_memory")
def test_errors_are_json_where_json_was_asked_for(answer, run):
    """The document on stdout is the error, and stderr stays free for warnings."""
    code, document = answer("fields", "memori")
    assert (code, document["error"], document["code"], document["field"]) == (
        3,
        "ConfigurationError",
        "settings.protocol",
        "protocol",
    )
    assert "memori" not in run("fields", "memori", "--json").stderr


def test_version_and_module():
    """``python -m mailport`` is the same command."""
    done = subprocess.run([*MAILPORT, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"mailport {importlib.metadata.version('mailport')}\n"


def test_without_the_extra_it_says_how_to_install_it():
    """One line, and the exit code of a usage error."""
    program = "import sys, runpy; sys.modules['click'] = None; runpy.run_module('mailport', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "The command line is an extra: install it with  pip install 'mailport[cli]'\n"


def test_a_reader_that_goes_away_is_no_error():
    """``mailport protocols --json | head -0`` prints no traceback."""
    command = [*MAILPORT, "protocols", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 141


@pytest.mark.parametrize("words", [["plugins"], ["protocols", "--json"], ["fields", "no-such", "--json"]])
def test_a_full_disk_behind_stdout_is_told_once(site, words):
    """``mailport plugins >/dev/full`` is no fault of mailport: one message, also where JSON was asked for."""
    site.install("mailport-quiet", modules={"quiet": ""}, plugins={"quiet": "quiet"})
    environ = os.environ | {"PYTHONPATH": str(site.path)}
    with open("/dev/full", "w") as full:
        command = [*MAILPORT, *words]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environ, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("error: The output cannot be written: No space left on device.\n  remedy: ")
    assert done.stderr.count("\n") == 2


def test_interrupting_the_import_is_no_traceback(site):
    """Ctrl-C ends with 130 and without a word, also before the command line itself is there."""
    (site.path / "click.py").write_text("raise KeyboardInterrupt")
    environ = os.environ | {"PYTHONPATH": str(site.path)}
    done = subprocess.run(MAILPORT, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_the_list_of_commands_is_not_cut(run):
    """What a command is for fits on one line of a narrow terminal."""
    from mailport.cli.app import OWN  # noqa: PLC0415 - not without the extra

    listed = run("--help", COLUMNS="80").stdout.partition("Commands:")[2].splitlines()
    assert [line for line in listed if line.split()[:1] and line.split()[0] in OWN and line.endswith("...")] == []


@pytest.mark.parametrize(("more", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_people_get_a_table_with_colours(terminal, site, more, coloured):
    """On a terminal there is a heading; NO_COLOR is respected."""
    site.install("mailport-quiet", modules={"quiet": ""}, plugins={"quiet": "quiet"})
    environ = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    environ |= {"PYTHONPATH": str(site.path)} | more
    with subprocess.Popen(
        [*MAILPORT, "plugins"], stdout=terminal.program_side, stderr=subprocess.DEVNULL, env=environ
    ) as process:
        shown = terminal.read()
    assert process.returncode == 0
    assert b"DISTRIBUTION" in shown
    assert (b"\x1b[" in shown) is coloured


def test_an_unexpected_fault_is_one_line_and_a_traceback_on_request(site, run):
    """A fault of a plugin's code is told apart from what its user did."""
    source = "import click\n@click.command()\ndef fault():\n    1 / 0\n"
    site.install("faulty", modules={"faulty_command": source}, commands={"fault": "faulty_command:fault"})
    result = run("fault")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: There is a fault in mailport or in a plugin: ZeroDivisionError.\n")
    assert "Traceback" not in result.stderr
    assert "faulty_command.py" in run("--traceback", "fault").stderr
