"""``mailport receive`` over a Maildir: killed at any moment, it goes on and loses nothing."""

import os
import re
import subprocess
import sys
import time

import pytest

from mailport.testing.messages import incoming

pytest.importorskip("mailport_maildir")
pytest_plugins = ["tests.core.cli_kit"]


@pytest.fixture
def maildir(tmp_path):
    """A Maildir and an account file beside it."""
    for name in ("tmp", "new", "cur"):
        (tmp_path / "mail" / name).mkdir(parents=True)
    (tmp_path / "box.toml").write_text('protocol = "maildir"\nuser_name = "ann@example.org"\ndirectory = "mail"\n')
    return tmp_path / "mail"


def files(folder):
    return sorted(path.read_bytes() for path in folder.glob("*/*" if folder.name == "mail" else "*.eml"))


def test_sending_and_receiving_stay_below_the_folder_of_the_account(run, maildir, eml, tmp_path):
    """Without an option the Maildir lies beside the account file; the option moves the root."""
    account, path = tmp_path / "box.toml", eml()
    assert run("send", account, path).exit_code == 0
    assert len(files(maildir)) == 1
    assert run("receive", account).stdout.startswith("listed\tann@example.org\tHello\t")
    (tmp_path / "elsewhere").mkdir()
    assert run("send", account, path, "--local-root", tmp_path / "elsewhere").exit_code == 0
    assert run("send", account, path, MAILPORT_LOCAL_ROOT=str(tmp_path / "elsewhere")).exit_code == 0
    assert (len(files(maildir)), len(list((tmp_path / "elsewhere" / "mail").glob("*/*")))) == (1, 2)


def command(tmp_path, *options):
    return [sys.executable, "-m", "mailport", "receive", tmp_path / "box.toml", *options]


FULL = """
import resource, runpy
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
runpy.run_module("mailport", run_name="__main__", alter_sys=True)
"""
"""The command where no file may grow: the limit is set there, because code after a fork of a process with threads may hang."""


def test_a_full_disk_is_an_error_of_the_folder(maildir, tmp_path):
    """The message that no longer fits leaves nothing behind, and the option that named the folder is named."""
    (maildir / "new" / "1700000000.M1.host").write_bytes(incoming("Big", size=200_000))
    done = subprocess.run(
        [sys.executable, "-c", FULL, "receive", tmp_path / "box.toml", "--save", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert "File too large" in done.stderr
    assert "field: --save" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_long_subject_leaves_the_table_whole(maildir, tmp_path, terminal):
    """On a terminal a row is no wider than the screen; an empty mailbox is said."""
    (maildir / "new" / "1700000000.M1.host").write_bytes(incoming("Long " * 40))
    with subprocess.Popen(
        command(tmp_path), stdout=terminal.program_side, stderr=subprocess.STDOUT, env=os.environ | {"COLUMNS": "90"}
    ):
        lines = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", terminal.read().decode()).splitlines()
    row = next(line for line in lines if "Long" in line)
    assert "…" in row
    assert len(row) <= 90


def test_nothing_new_is_said_to_people(maildir, tmp_path, terminal):
    """An empty list on a terminal would look as if nothing had been done."""
    with subprocess.Popen(command(tmp_path), stdout=terminal.program_side, stderr=subprocess.PIPE) as process:
        terminal.read()
        assert process.stderr.read() == b"No new messages.\n"


@pytest.mark.slow
def test_killed_at_any_moment_it_loses_nothing(maildir, tmp_path):
    """Each run is killed when so many files are there; in the end each message is there once, and none is in the mailbox."""
    for number in range(60):
        (maildir / "new" / f"{1_700_000_000 + number}.M{number}.host").write_bytes(incoming(f"Number {number}", size=200_000))
    sent, out = files(maildir), tmp_path / "out"
    options = ["--save", out, "--cursor", tmp_path / "cursor.json", "--then", "delete", "--limit", "25"]
    command = [sys.executable, "-m", "mailport", "receive", tmp_path / "box.toml", *options]
    killed = 0
    for target in (1, 11, 24, 25, 26, 50, 51):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            give_up = time.monotonic() + 60
            while process.poll() is None and len(list(out.glob("*.eml"))) < target and time.monotonic() < give_up:
                time.sleep(0.001)
            killed += process.poll() is None
            process.kill()
        assert set(files(out) + files(maildir)) == set(sent)
    while files(maildir):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert killed >= 5
    assert files(out) == sent
