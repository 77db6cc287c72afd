"""The demonstration: everything in one folder, on loopback, again and again."""

import re
import signal
import smtplib
import stat
import subprocess
import sys
import time

import httpx2
import pytest

from tests.peers.ports import HOST, free_port

pytest.importorskip("aiosmtpd")
pytest.importorskip("mailport_maildir")

MAIL = "From: ann@example.org\nTo: desk@example.org\nSubject: Help\n\nPlease.\n"


@pytest.fixture(autouse=True)
def _fresh_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_whole_story_is_played_again_and_again(process, tmp_path):
    """Mail, incident, answer, reply, the same incident; each time anew, and nothing outside of its folder."""
    for number in (1, 2):
        running = process("demo", "--once")
        told, log = running.communicate(timeout=120)
        assert (running.returncode, log) == (0, "")
        assert f"It is the incident INC00000{number}, linked to ann@example.org." in told
        assert told.endswith("No second incident was made.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["demo-data"]


def started(process):
    """A demonstration, what it printed at the start, and its ports."""
    api, smtp = free_port(), free_port()
    running = process("demo", "--port", api, "--smtp-port", smtp, PYTHONUNBUFFERED="1")
    welcome = ""
    while "/records\n" not in welcome:
        welcome += running.stdout.readline()
        assert running.poll() is None, running.communicate()[1]
    return running, welcome, api, smtp


def test_a_newcomer_follows_what_is_printed(process, tmp_path):
    """The sign-in works, the command sends a mail, the incident is seen with the token; Ctrl-C ends it cleanly."""
    running, welcome, api, _ = started(process)
    url, password = f"http://{HOST}:{api}/api/v1", re.search(r"password (\S+)", welcome)[1]
    form = {"tenant": "Demo", "email": "admin@example.org", "password": password}
    deadline = time.monotonic() + 60
    while (answer := _post(f"{url}/session", form)) is None:
        assert time.monotonic() < deadline
    assert answer.status_code == 201
    assert httpx2.get(f"{url}/openapi.json").status_code == 200
    subprocess.run(re.search(r"python3 (-c .*)", welcome)[0].replace("python3", sys.executable), shell=True, check=True)
    token = {"Authorization": f"Bearer {(tmp_path / 'demo-data' / 'token').read_text().strip()}"}
    while not (found := httpx2.get(f"{url}/records", headers=token).json()["items"]):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert found[0]["title"] == "The printer is on fire"
    assert running.stdout.readline() == "\n"
    assert running.stdout.readline() == f"{found[0]['number']} is a new incident: The printer is on fire\n"
    running.send_signal(signal.SIGINT)
    _, log = running.communicate(timeout=30)
    assert (running.returncode, log) == (0, "")


def _post(url, form):
    try:
        return httpx2.post(url, json=form)
    except httpx2.TransportError:
        time.sleep(0.1)
        return None


def test_the_token_is_for_its_owner_and_stays_the_same(process, tmp_path):
    """The next start prints another password and keeps the token; both are nowhere else."""
    seen = set()
    for _ in range(2):
        running, welcome, _, smtp = started(process)
        with smtplib.SMTP(HOST, smtp) as server:
            server.sendmail("ann@example.org", "desk@example.org", MAIL)
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
        file = tmp_path / "demo-data" / "token"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        seen.add((file.read_text(), re.search(r"password (\S+)", welcome)[1]))
    assert (len({token for token, _ in seen}), len(seen)) == (1, 2)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "demo-data").rglob("*") if path.is_file() and path != file)
    assert [part for pair in seen for part in pair if part.strip().encode() in kept] == []


def test_what_it_lacks_is_said(tmp_path):
    """Without the extra, and in a folder that cannot be written: one sentence with a remedy or the option at fault."""
    code = "import sys; sys.modules['aiosmtpd'] = None; from mailport_workspace.cli.app import app; app(['demo'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "mailport-workspace[demo]" in done.stderr) == (3, True)
    (tmp_path / "file").write_text("in the way")
    command = [sys.executable, "-m", "mailport_workspace", "demo", "--folder", tmp_path / "file"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "--folder" in done.stderr) == (3, True)
