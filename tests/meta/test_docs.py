"""Every example in the documentation runs as it is written."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox

from mailport import Direction, Mailport, Message
from tests.peers.ports import HOST, free_port

ROOT = Path(__file__).parent.parent.parent
PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("plugins/*/README.md"),
    *ROOT.glob("core/README.md"),
    *ROOT.glob("workspace/README.md"),
]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def blocks(language):
    return [
        pytest.param(code, id=f"{page.relative_to(ROOT)}:{page.read_text()[: match.start()].count(chr(10)) + 1}")
        for page in PAGES
        for match in BLOCK.finditer(page.read_text())
        for code in [match[2]]
        if match[1] == language
    ]


# Secrets that must have a form.
KEY = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"
SECRETS = {"private_key": KEY, "client_certificate": f"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n{KEY}"}
ACCOUNTS = {
    "outgoing": 'protocol = "smtp"\nhost = "127.0.0.1"\nport = {port}\nuse_ssl_tls = "none"\nauthentication = "none"\n',
    "incoming": 'protocol = "maildir"\ndirection = "incoming"\ndirectory = "mail"\n',
}


@pytest.fixture
def desk(tmp_path):
    """A folder with the two account files that examples use: a server puts what is sent into the Maildir that is read."""
    server = Controller(Mailbox(str(tmp_path / "mail")), hostname=HOST, port=free_port())
    server.start()
    for name, text in ACCOUNTS.items():
        (tmp_path / f"{name}.toml").write_text(text.format(port=server.port) + 'user_name = "desk@example.org"\n')
    yield tmp_path
    server.stop()


@pytest.mark.parametrize("code", blocks("python"))
def test_python_examples_run(code, desk):
    """A block is a whole program and ends without an error or a warning."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COV_")}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=desk, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def readme_blocks():
    return [match[2] for match in BLOCK.finditer((ROOT / "README.md").read_text()) if match[1] == "python"]


@pytest.mark.parametrize(("number", "lines"), [(0, 10), (1, 10), (2, 40), (3, 40)])
def test_library_use_is_short(number, lines):
    """Ten lines send, forty turn incoming mail into records, with asyncio and without."""
    code = [line for line in readme_blocks()[number].splitlines() if line.strip()]
    assert len(code) <= lines


def run(code, folder):
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_the_readme_receives_each_mail_once(desk):
    """Run after its own sending example, and twice, the receiving one makes one record and archives the mail."""
    send, _, receive, _ = readme_blocks()
    run(send, desk)
    assert [run(receive, desk) for _ in range(2)] == ["1 records\n", "1 records\n"]
    mails = [path for path in (desk / "mail").glob("**/[cn]*/*") if path.is_file()]
    assert [path.parent.parent.name for path in mails] == [".Archive"]


@pytest.mark.parametrize("code", blocks("toml"))
def test_account_files_are_valid(code):
    """A TOML block that names a protocol describes an account of it."""
    values = tomllib.loads(code)
    if "protocol" in values:
        referred = [name for name, value in values.items() if isinstance(value, dict) and name != "custom"]
        secrets = {name: SECRETS.get(name, "generated") for name in referred}
        assert Mailport().account(values | secrets, values.get("direction", Direction.OUTGOING)).protocol == values["protocol"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    """A relative link names a file of the project."""
    missing = [target for target in LINK.findall(page.read_text()) if not (page.parent / target).exists()]
    assert missing == []


def test_the_first_mail_arrives(tmp_path):
    """What `make first-mail` runs sends a mail with an inline image, reads it back and says where it lies."""
    (tmp_path / "examples").mkdir()
    program = Path(shutil.copy(ROOT / "examples" / "first_mail.py", tmp_path / "examples"))
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60, check=True)
    assert "logo.png" in done.stdout
    (mail,) = (tmp_path / "demo-data" / "inbox" / "cur").iterdir()
    assert Message.read(mail).attachments[0].inline
