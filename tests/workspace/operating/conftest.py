"""The commands of the operator, run in process and as processes of their own."""

import json
import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from mailport_workspace.cli.app import app
from mailport_workspace.sealing import new_key


@pytest.fixture
def deployment(database, tmp_path, monkeypatch):
    """The environment of a deployment on that database."""
    environment = {
        "MAILPORT_DATABASE_URL": database.application,
        "MAILPORT_OPERATOR_DATABASE_URL": database.operator,
        "MAILPORT_OWNER_DATABASE_URL": database.owner,
        "MAILPORT_KEYS": new_key("first"),
    }
    monkeypatch.chdir(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return SimpleNamespace(folder=tmp_path, **{name.removeprefix("MAILPORT_").lower(): v for name, v in environment.items()})


@pytest.fixture
def command():
    """Run a command; what it printed as JSON stands in `told`."""

    def command(*words, given=None):
        result = CliRunner().invoke(app, [str(word) for word in words], input=given)
        result.told = json.loads(result.stdout) if "--json" in words else None
        return result

    return command


@pytest.fixture
def process():
    """Start commands as processes, which end with the test, and after two minutes at the latest: nobody waits for ever."""
    started, watches = [], []

    def process(*words, **environment):
        command = [sys.executable, "-m", "mailport_workspace", *map(str, words)]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, env={**os.environ, **environment}, **options))
        watches.append(threading.Timer(120, started[-1].kill))
        watches[-1].daemon = True
        watches[-1].start()
        return started[-1]

    yield process
    for watch in watches:
        watch.cancel()
    for running in started:
        running.kill()
        running.communicate()
