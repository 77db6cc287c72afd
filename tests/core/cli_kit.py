"""Fixtures for the tests of the command line: packages that look installed, and a runner."""

import contextlib
import json
import os
import pty
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mailport.testing.memory import MemoryMail, MemoryPlugin
from tests.core.conftest import ANN


@dataclass(frozen=True)
class Site:
    """A folder on ``sys.path`` into which packages are "installed": modules and a dist-info folder, no more."""

    path: Path

    def install(
        self,
        distribution: str,
        *,
        modules: Mapping[str, str] | None = None,
        plugins: Mapping[str, str] | None = None,
        commands: Mapping[str, str] | None = None,
    ) -> Path:
        """Install version 1.0 of a package with entry points; return its dist-info folder."""
        for name, source in (modules or {}).items():
            (self.path / f"{name}.py").write_text(source)
        info = self.path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        groups = {"mailport.plugins": plugins or {}, "mailport.commands": commands or {}}
        lines = [f"[{group}]\n" + "".join(f"{n} = {v}\n" for n, v in entries.items()) for group, entries in groups.items()]
        (info / "entry_points.txt").write_text("\n".join(lines))
        return info


@dataclass(frozen=True)
class Terminal:
    """Give ``program_side`` to a process as its stdout or stderr, then read what it shows there until it ends."""

    user_side: int
    program_side: int

    def read(self) -> bytes:
        """Everything that was shown."""
        os.close(self.program_side)
        shown = b""
        with contextlib.suppress(OSError):  # Linux says so when the program has ended
            while chunk := os.read(self.user_side, 4096):
                shown += chunk
        os.close(self.user_side)
        return shown


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A folder of packages that are only installed for this test."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return Site(folder)


@pytest.fixture
def terminal() -> Terminal:
    """A terminal whose user is the test."""
    return Terminal(*pty.openpty())


@pytest.fixture
def run() -> Callable[..., Result]:
    """Run ``mailport`` with arguments, in this process."""
    from mailport.cli.app import app  # noqa: PLC0415 - the kit is imported by tests that only want a site

    return lambda *words, **env: CliRunner(env=env).invoke(app, [str(word) for word in words], prog_name="mailport")


@pytest.fixture
def answer(run: Callable[..., Result]) -> Callable[..., Any]:
    """Run a command with ``--json`` and return (exit code, document)."""

    def answer(*words: object) -> tuple[int, Any]:
        result = run(*words, "--json")
        return result.exit_code, json.loads(result.stdout)

    return answer


@pytest.fixture
def installed_memory(site: Site, memory: MemoryMail, monkeypatch: pytest.MonkeyPatch) -> MemoryMail:
    """The mail system of the test, as the installed protocol ``memory``."""
    monkeypatch.setitem(sys.modules, "memory_of_this_test", SimpleNamespace(PLUGIN=MemoryPlugin(memory)))
    site.install("mailport-memory", plugins={"memory": "memory_of_this_test:PLUGIN"})
    return memory


@pytest.fixture
def account(installed_memory: MemoryMail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ann's mailbox as an account file."""
    monkeypatch.setenv("PASSWORD_OF_ANN", installed_memory.passwords[ANN])
    path = tmp_path / "ann.toml"
    path.write_text(f'protocol = "memory"\nuser_name = "{ANN}"\npassword = {{ env = "PASSWORD_OF_ANN" }}\n')
    return path


@pytest.fixture
def eml(tmp_path: Path) -> Callable[..., Path]:
    """Write a message file from headers and return its path."""

    def write(name: str = "hello.eml", headers: str = f"From: {ANN}\nTo: bob@example.org\nSubject: Hello", body: str = "Hi\n"):
        path = tmp_path / name
        path.write_bytes(f"{headers}\n\n{body}".encode())
        return path

    return write
