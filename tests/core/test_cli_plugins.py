"""``mailport plugins``, and the commands that other packages contribute."""

import subprocess
import sys

import pytest

from tests.core.test_registry import ONE_PROTOCOL

pytest_plugins = ["tests.core.cli_kit"]

FINE = ONE_PROTOCOL.format(key="fine")
BROKEN = {
    "import": ("import a_library_that_is_not_here", "No module named 'a_library_that_is_not_here'"),
    "exits": ("raise SystemExit('at import')", "SystemExit: at import"),
    "hook": (FINE.replace("mailport_send", "mailport_sent"), "unknown hook mailport_sent; did you mean mailport_send?"),
    "argument": (FINE.replace("(account, services)", "(account, password)"), "password"),
    "asynchronous": (FINE.replace("def mailport_send", "async def mailport_send"), "asynchronous mailport_send"),
    "zz_duplicate": (
        ONE_PROTOCOL.format(key="fine"),
        "“fine” is claimed by mailport-zz_duplicate 1.0 and by mailport-fine 1.0",
    ),
}


@pytest.fixture
def broken(site):
    """One good plugin among one of every kind of broken ones."""
    site.install("mailport-fine", modules={"plugin_fine": FINE}, plugins={"fine": "plugin_fine"})
    for name, (source, _) in BROKEN.items():
        site.install(f"mailport-{name}", modules={f"plugin_{name}": source}, plugins={name: f"plugin_{name}"})


@pytest.mark.usefixtures("broken")
def test_every_broken_plugin_is_shown_with_its_reason(answer):  # PLG-01
    """Distribution, version and why; the good one beside them is loaded."""
    code, document = answer("plugins")
    shown = {plugin["name"]: plugin for plugin in document["plugins"]}
    assert (code, shown["fine"]["state"], shown["fine"]["protocols"]) == (0, "loaded", ["fine"])
    for name, (_, reason) in BROKEN.items():
        plugin = shown[name]
        assert (plugin["state"], plugin["distribution"], plugin["version"]) == ("failed", f"mailport-{name}", "1.0")
        assert reason in plugin["error"]["message"]
        assert plugin["error"]["error"] == "PluginError"


@pytest.mark.usefixtures("broken")
def test_the_others_work_beside_broken_ones(run):
    """A listing shows what works, and warns on stderr about the rest."""
    result = run("protocols")
    assert result.exit_code == 0
    assert "fine\tfine\toutgoing\tplain\n" in result.stdout
    assert result.stderr.count("warning: Plugin ") >= len(BROKEN)


@pytest.mark.usefixtures("broken")
def test_the_table_says_it_once(run):
    """The reasons stand in the table and not again on stderr."""
    result = run("plugins")
    assert "fine\tmailport-fine\t1.0\tloaded\tfine" in result.stdout
    assert "import\tmailport-import\t1.0\tfailed\tPlugin import of mailport-import 1.0: cannot be imported" in result.stdout
    assert result.stderr == ""


def command(name, body="click.echo('hello')"):
    return f"import click\n@click.command(help='Greets.')\ndef {name}():\n    {body}\n"


def test_a_contributed_command_works(site, run):
    """Any package may add a command by its entry point."""
    site.install("greeter", modules={"greeter_one": command("greet")}, commands={"greet": "greeter_one:greet"})
    result = run("greet")
    assert (result.exit_code, result.stdout) == (0, "hello\n")
    assert "greet Greets." in " ".join(run("--help").stdout.split())


def test_a_contributed_command_is_only_imported_when_it_is_named(site, run):
    """Another package cannot slow down our commands."""
    site.install("lazy", modules={"lazy_command": command("lazy")}, commands={"lazy": "lazy_command:lazy"})
    run("protocols")
    assert "lazy_command" not in sys.modules
    run("lazy")
    assert "lazy_command" in sys.modules


def test_a_contributed_command_shares_errors_and_exit_codes(site, run):
    """A mailport error that it raises is reported as ours are."""
    body = "raise __import__('mailport').Unreachable('Nobody there.', remedy='Try later.')"
    site.install("raiser", modules={"raiser_one": command("fail", body)}, commands={"fail": "raiser_one:fail"})
    result = run("fail")
    assert (result.exit_code, result.stderr) == (5, "error: Nobody there.\n  remedy: Try later.\n")


@pytest.mark.parametrize(
    ("source", "reason"), [("import nothing_like_this", "cannot be imported: ModuleNotFoundError"), ("broke = 5", "is a int")]
)
def test_a_broken_command_is_reported_and_stops_nothing(site, run, answer, source, reason):
    """It is marked in the help, fails when it is named, and stands among the plugins."""
    module = f"broke_{len(source)}"
    site.install("breaker", modules={module: source}, commands={"broke": f"{module}:broke"})
    assert "(broken: Command broke of breaker 1.0" in " ".join(run("--help").stdout.split())
    result = run("broke")
    assert (result.exit_code, reason in result.stderr) == (9, True)
    entry = next(entry for entry in answer("plugins")[1]["commands"] if entry["distribution"] == "breaker")
    assert (entry["state"], reason in entry["error"]["message"]) == ("failed", True)


def test_a_command_cannot_take_the_name_of_another(site, answer):
    """Our own commands and the first claimant keep their names; the other is told who has it."""
    site.install("usurper", modules={"usurper": command("send")}, commands={"send": "usurper:send"})
    site.install("a-first", modules={"a_first": command("both")}, commands={"both": "a_first:both"})
    site.install("b-second", modules={"b_second": command("both")}, commands={"both": "b_second:both"})
    found = {entry["distribution"]: entry["error"] for entry in answer("plugins")[1]["commands"]}
    assert "already a command of mailport" in found["usurper"]["message"]
    assert "already a command of a-first" in found["b-second"]["message"]
    assert found["a-first"] is None


PROTOCOL_LIBRARIES = (
    "aiosmtplib",
    "asyncio",
    "exchangelib",
    "google.auth",
    "googleapiclient",
    "httpx2",
    "imapclient",
    "imaplib",
    "msal",
    "poplib",
    "requests",
    "rich",
    "smtplib",
    "ssl",
)


def test_listing_imports_no_protocol_library():
    """Names, titles and directions are data: neither a protocol library nor an event loop is imported for them."""
    program = (
        "import sys; from mailport.cli.app import app; app(['protocols'], standalone_mode=False);"
        f"print('IMPORTED', [name for name in {PROTOCOL_LIBRARIES!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "IMPORTED []"
