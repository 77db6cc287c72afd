"""``mailport receive`` over a Maildir: killed at any moment, it goes on and loses nothing."""

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
            while process.poll() is None and len(list(out.glob("*.eml"))) < target:
                time.sleep(0.001)
            killed += process.poll() is None
            process.kill()
        assert set(files(out) + files(maildir)) == set(sent)
    while files(maildir):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert killed >= 5
    assert files(out) == sent
