"""What the pages for operators say is what there is."""

import re
from pathlib import Path

import click
import pytest
from pydantic import SecretStr

from mailport_workspace.cli.app import app
from mailport_workspace.observing.finding import Finding
from mailport_workspace.settings import WorkspaceSettings

DOCS = Path(__file__).parent.parent.parent / "docs"
SETTINGS = (DOCS / "reference" / "settings.md").read_text()
COMMANDS = (DOCS / "reference" / "workspace-cli.md").read_text()
ROWS = dict(re.findall(r"^\| `MAILPORT_([A-Z_]+)` \|(.*?)\| .+ \|$", SETTINGS, re.MULTILINE))


def shown(default):
    """A default as an operator would write it into the environment."""
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, tuple):
        default = ", ".join(map(str, default))
    return "" if default is None else str(default).lower() if isinstance(default, bool) else str(default)


def test_every_setting_is_documented_and_every_documented_setting_exists():
    """With its default; one that takes another setting's value says so in words."""
    fields = {name.upper(): shown(field.default) for name, field in WorkspaceSettings.model_fields.items()}
    told = {name: cell.strip(" `") for name, cell in ROWS.items()}
    assert {name: default for name, default in told.items() if "one above" not in default} == {
        name: default for name, default in fields.items() if "one above" not in told.get(name, "")
    }


def commands(group, words=()):
    """Every command with its words."""
    for name, command in sorted(group.commands.items()) if hasattr(group, "commands") and group.commands else _lazy(group):
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


def _lazy(group):
    context = click.Context(group)
    return [(name, group.get_command(context, name)) for name in group.list_commands(context)]


@pytest.mark.parametrize(("words", "command"), [pytest.param(*found, id=found[0]) for found in commands(app)])
def test_every_command_is_documented(words, command):
    """In the table, with its arguments; its options stand on the page."""
    arguments = [parameter.name.upper() for parameter in command.params if isinstance(parameter, click.Argument)]
    assert f"| `{' '.join(('mailport-workspace', words, *arguments))}` |" in COMMANDS
    options = [o for p in command.params if isinstance(p, click.Option) for o in (*p.opts, *p.secondary_opts)]
    assert [option for option in options if option not in COMMANDS] == []


def test_no_other_command_is_documented():
    """A row names a command that there is."""
    listed = re.findall(r"^\| `mailport-workspace ([a-z -]+?)(?: [A-Z ]+)?` \|", COMMANDS, re.MULTILINE)
    assert sorted(listed) == sorted(words for words, _ in commands(app))


def test_every_check_of_the_doctor_is_documented():
    """The names that findings have in the code are the rows of the table."""
    sources = (
        Path(Finding.__module__.replace(".", "/")).parent / name for name in ("checkup", "machine", "walls_check", "work_check")
    )
    code = "".join((DOCS.parent / "workspace" / "src" / f"{source}.py").read_text() for source in sources)
    named = set(re.findall(r'Finding\.\w+\(\s*"(\w+)"', code)) | {"schema"}
    table = COMMANDS.partition("## What doctor looks at")[2]
    assert set(re.findall(r"^\| ([a-z]+) \| (?!finds)", table, re.MULTILINE)) == named
