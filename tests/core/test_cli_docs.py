"""What ``docs/reference/cli.md`` says about ``--json`` is what the commands print."""

import json
import re
from pathlib import Path

import pytest

from mailport.cli.app import OWN
from mailport.cli.exits import Exit
from mailport.testing.messages import incoming
from tests.core.conftest import ANN

pytest_plugins = ["tests.core.cli_kit"]

PAGE = (Path(__file__).parent.parent.parent / "docs/reference/cli.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
OPEN_ENDED = {"cursor", "authentication"}  # their keys depend on the protocol


def shape(value, name=""):
    """The keys of a document; of a list, those of its first entry."""
    if name in OPEN_ENDED:
        return ...
    if isinstance(value, dict):
        return {key: shape(inner, key) for key, inner in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value and isinstance(value[0], dict) else None


def documented(section):
    return shape(json.loads(re.search(r"```json\n(.*?)```", SECTIONS[section], re.DOTALL)[1]))


@pytest.mark.parametrize("command", sorted(OWN))
def test_the_shape_of_the_document_is_the_documented_one(answer, account, eml, installed_memory, site, *, tmp_path, command):
    """Keys that are documented are there, and no others."""
    site.install(
        "greeter",
        modules={"docs_greeter": "import click\ngreet = click.Command('greet')"},
        commands={"a": "docs_greeter:greet"},
    )
    installed_memory.mailboxes[ANN].add(incoming())
    words = {
        "fields": ["memory"],
        "receive": [account, "--save", tmp_path / "out", "--then", "read"],
        "send": [account, eml()],
        "test": [account],
    }
    code, document = answer(command, *words.get(command, []))
    assert code == 0
    if command == "fields":  # an entry has the keys that apply to it
        document["fields"] = [{key: field[key] for key in ("name", "label", "kind")} for field in document["fields"]]
    assert shape(document) == documented(f"mailport {command}")


def test_the_shape_of_an_error_is_the_documented_one(answer):
    """The example of the page is an error of this kind."""
    assert shape(answer("fields", "memori")[1]) == documented("Errors")


def test_every_exit_code_is_documented():
    """The table lists the codes that there are."""
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", SECTIONS["Exit codes"], re.MULTILINE)} == {*map(int, Exit)}
