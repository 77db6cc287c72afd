"""The workspace knows no protocol: what it says and does about one comes from the plugin."""

import re
from pathlib import Path

from mailport import Mailport

SOURCES = Path(__file__).parent.parent.parent / "workspace" / "src" / "mailport_workspace"
DEMO = {"demo", "demo.py"}  # it has a mail server of its own, and a sample account
ENGLISH = {"memory"}
KEYS = {protocol.key for protocol in Mailport().protocols()} - ENGLISH


def named(text):
    """The protocols that stand in a text as words; parts of a name count, however it is written."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return {word for word in re.findall(r"[a-z0-9]+", words.lower()) if word in KEYS}


def test_no_source_of_the_workspace_names_a_protocol():  # PLG-01
    """Neither in what it does nor in what it says, apart from the demo."""
    paths = [path for path in SOURCES.rglob("*.py") if not DEMO & set(path.parts)]
    assert {str(path.relative_to(SOURCES)): found for path in paths if (found := named(path.read_text()))} == {}
    assert len(paths) > 100


def test_the_check_bites():
    """A key, an option and a class are found; a longer word is not."""
    assert {"smtp", "ews", "graph"} <= KEYS
    assert named('"smtp" --ews-port GraphSender') == {"smtp", "ews", "graph"}
    assert named("news cryptography has_news paragraph") == set()
