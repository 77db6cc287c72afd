"""``mailport receive``: nothing is lost, nothing comes twice, and the mailbox is touched last."""

import json
import sys
from types import SimpleNamespace

import pytest

from mailport import PermissionDenied, TransportError, Unreachable
from mailport.fields import Capabilities
from mailport.hookspecs import hookimpl
from mailport.testing.memory import MemoryPlugin
from mailport.testing.memory.receiver import MemoryReceiver
from mailport.testing.messages import incoming
from mailport.transport import Acknowledgement
from tests.core.conftest import ANN

pytest_plugins = ["tests.core.cli_kit"]


@pytest.fixture
def box(installed_memory):
    """Ann's mailbox with three messages."""
    box = installed_memory.mailboxes[ANN]
    for number in range(3):
        box.add(incoming(f"Number {number}"))
    return box


@pytest.fixture
def receive(answer, account, tmp_path):
    """Receive into the folder ``out`` with the cursor ``cursor.json``; return (exit code, document)."""
    return lambda *more: answer("receive", account, "--save", tmp_path / "out", "--cursor", tmp_path / "cursor.json", *more)


def states(document):
    return [message["state"] for message in document["messages"]]


def saved(tmp_path):
    return sorted(path.read_bytes() for path in (tmp_path / "out").iterdir())


def test_without_a_folder_it_lists(run, account, box):
    """From, subject, date and size; nothing in the mailbox changes."""
    result = run("receive", account)
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert [line[:3] for line in lines] == [["listed", "ann@example.org", f"Number {number}"] for number in range(3)]
    assert lines[0][3] == "2026-11-02 09:15+01:00"
    assert not any(mail.seen for mail in box.mails())


def test_listing_reads_the_headers_only(answer, account, box):
    """A big body is not loaded to show a subject."""
    loads = []
    big = box.add(incoming("Big", size=5_000_000))
    big.raw = Counted(big.raw, loads)
    assert answer("receive", account)[1]["messages"][-1]["subject"] == "Big"
    assert len(loads) == 1


class Counted(bytes):
    """Counts the pieces that are taken out of it."""

    def __new__(cls, data, loads):
        made = super().__new__(cls, data)
        made.loads = loads
        return made

    def __getitem__(self, key):
        self.loads.append(key)
        return super().__getitem__(key)


def test_what_was_saved_is_what_lay_there(receive, box, tmp_path):
    """Byte for byte, one file each, and the cursor goes on from there."""
    code, document = receive()
    assert (code, states(document)) == (0, ["saved"] * 3)
    assert saved(tmp_path) == sorted(mail.raw for mail in box.mails())
    assert document["messages"][0]["message_id"].startswith("<")
    assert receive() == (0, {"messages": [], "cursor": document["cursor"]})
    box.add(incoming("new"))
    assert [message["subject"] for message in receive()[1]["messages"]] == ["new"]


def test_the_limit_takes_the_oldest_first(receive, box):
    """A big mailbox is read in portions."""
    assert len(receive("--limit", 2)[1]["messages"]) == 2
    assert [message["subject"] for message in receive("--limit", 2)[1]["messages"]] == ["Number 2"]


LEFT = {"leave": (3, 0), "read": (3, 0), "delete": (0, 0), "move:Done": (0, 3)}


@pytest.mark.parametrize("then", LEFT)
def test_then_is_done_after_saving(receive, box, tmp_path, then):  # INB-18
    """The mailbox is tidied as it was asked for; every message has its outcome."""
    code, document = receive("--then", then)
    assert (code, len(saved(tmp_path))) == (0, 3)
    assert (len(box.mails()), len(box.mails("Done"))) == LEFT[then]
    done = None if then == "leave" else {"done": True, "error": None}
    assert [message["then"] for message in document["messages"]] == [done] * 3
    assert all(mail.seen for mail in box.mails()) is (then != "leave")


def test_deleting_needs_saving(run, account, box):
    """A message that nobody has is not deleted."""
    result = run("receive", account, "--then", "delete")
    assert (result.exit_code, len(box.mails())) == (2, 3)
    assert "--save" in result.stderr


@pytest.mark.parametrize("then", ["erase", "move", "move:", "read:x"])
def test_an_action_that_does_not_exist_is_a_usage_error(run, account, box, then):
    """The message lists those that do."""
    result = run("receive", account, "--then", then)
    assert (result.exit_code, "move:FOLDER" in result.stderr) == (2, True)


def test_a_lost_cursor_starts_anew_and_fetches_nothing_twice(receive, run, account, box, tmp_path):  # INB-23
    """What was saved is found by its key; only what is missing is fetched."""
    receive()
    (tmp_path / "cursor.json").unlink()
    box.add(incoming("new"))
    assert states(receive()[1]) == ["known", "known", "known", "saved"]


def test_a_cursor_that_the_server_forgot_starts_anew(run, account, box, tmp_path):
    """It is said, and the whole mailbox is listed."""
    cursor = tmp_path / "cursor.json"
    run("receive", account, "--cursor", cursor)
    box.forget()
    result = run("receive", account, "--cursor", cursor)
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 3)
    assert "warning: " in result.stderr
    assert json.loads(cursor.read_text())["cursor"]["epoch"] == box.epoch


def test_a_failure_moves_no_cursor_and_deletes_nothing(receive, box, tmp_path, monkeypatch):
    """Saving that fails in the middle leaves mailbox and cursor as they were, and no half file."""
    receive("--limit", 1)
    before = (tmp_path / "cursor.json").read_text()
    box.mails()[2].raw = Broken()
    code, document = receive("--then", "delete")
    assert (code, document["code"]) == (1, "cli.unexpected")
    assert (len(box.mails()), (tmp_path / "cursor.json").read_text()) == (3, before)
    assert len(list((tmp_path / "out").iterdir())) == 2
    box.mails()[2].raw = incoming("mended")
    assert states(receive("--then", "delete")[1]) == ["known", "saved"]


class Broken(bytes):
    """A message whose bytes cannot be had."""

    def __len__(self):
        return 1

    def __getitem__(self, key):
        raise RuntimeError("broken")


def test_an_interrupted_run_tells_what_it_saved(run, box, account, tmp_path):
    """Ctrl-C leaves a document of what is saved, with the cursor at which the run began."""
    box.add(incoming("Big", size=3_000)).raw = Interrupting(b"x")
    result = run("receive", account, "--save", tmp_path / "out", "--json")
    assert (result.exit_code, result.stderr) == (130, "3 saved; the same command goes on\ninterrupted\n")
    document = json.loads(result.stdout)
    assert (states(document), document["cursor"]) == (["saved"] * 3, None)


class Interrupting(bytes):
    """Bytes in the midst of whose loading the user presses Ctrl-C."""

    def __getitem__(self, part):
        raise KeyboardInterrupt


def test_what_was_moved_is_told(run, account, box):
    """The list comes before the work, so how many went where is told beside it."""
    assert "3 moved to Archive.\n" in run("receive", account, "--then", "move:Archive").stderr
    assert "moved" not in run("receive", account, "--then", "move:Archive").stderr


def test_a_message_that_is_too_large_stays(receive, run, account, box, tmp_path):
    """It is listed and named, not loaded, and no action touches it."""
    account.write_text(account.read_text() + "max_message_size = 2000\n")
    box.add(incoming("Huge", size=3000))
    result = run("receive", account, "--save", tmp_path / "out", "--then", "delete")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].startswith("too large\t")
    assert "larger than max_message_size" in result.stderr
    assert (len(box.mails()), len(saved(tmp_path))) == (1, 3)


def test_another_mailbox_is_never_taken_for_this_one(receive, account, box, installed_memory, tmp_path):
    """Two mailboxes may have the same keys; saved into one folder, both are kept before either is deleted."""
    receive("--then", "delete")
    installed_memory.passwords["eve@example.org"] = "secret-of-ann"
    installed_memory.mailboxes["eve@example.org"].add(incoming("Eve's"))
    account.write_text(account.read_text().replace(ANN, "eve@example.org"))
    assert receive()[1]["code"] == "settings.cursor"
    (tmp_path / "cursor.json").unlink()
    code, document = receive("--then", "delete")
    assert (code, states(document), len(saved(tmp_path))) == (0, ["saved"], 4)


class Committing(MemoryReceiver):
    """Deletes when the session ends, as POP3 does; ``error`` is what then happens to the last message."""

    error = None
    _marked = ()

    async def acknowledge(self, deliveries, action):
        self._marked = [delivery.key for delivery in deliveries]
        return [Acknowledgement(key=key, done=None) for key in self._marked]

    async def close(self):
        failed = self.error and self._marked[-1]
        self.settled = tuple(
            Acknowledgement(key=key, done=key != failed, error=self.error if key == failed else None) for key in self._marked
        )
        await super().close()


class CommittingPlugin(MemoryPlugin):
    @hookimpl
    def mailport_receive(self, account, services):
        return Committing(account, self.mail)


def install(monkeypatch, plugin):
    monkeypatch.setitem(sys.modules, "memory_of_this_test", SimpleNamespace(PLUGIN=plugin))


class Withholding(MemoryReceiver):
    """Lists a message that it cannot hand out, as Exchange does when it fails to convert one."""

    async def _load(self, key):
        if key.endswith("/2"):
            raise TransportError("The server does not hand it out.", code="read.withheld", remedy="Move it away.")
        async for chunk in super()._load(key):
            yield chunk


class WithholdingPlugin(MemoryPlugin):
    @hookimpl
    def mailport_receive(self, account, services):
        return Withholding(account, self.mail)


def test_a_message_that_is_withheld_stops_no_other(receive, run, account, box, monkeypatch, installed_memory, tmp_path):
    """It is told and stays; what lies behind it is saved and dealt with."""
    install(monkeypatch, WithholdingPlugin(installed_memory))
    code, document = receive("--then", "delete")
    assert (code, states(document)) == (0, ["saved", "withheld", "saved"])
    assert (len(box.mails()), len(saved(tmp_path))) == (1, 2)
    assert "stays in the mailbox" in run("receive", account, "--save", tmp_path / "more").stderr


@pytest.mark.parametrize(("error", "code"), [(None, 0), (Unreachable("cut"), 5), (PermissionDenied("read-only"), 4)])
def test_what_is_settled_at_the_end_counts(receive, box, monkeypatch, installed_memory, *, error, code):
    """The last word replaces the first; while something must be done again the cursor stays."""
    monkeypatch.setattr(Committing, "error", error)
    install(monkeypatch, CommittingPlugin(installed_memory))
    exit_code, document = receive("--then", "delete")
    assert (exit_code, [message["then"]["done"] for message in document["messages"]]) == (code, [True, True, error is None])
    assert states(receive("--then", "delete")[1]) == (["known"] * 3 if error else [])


def test_an_action_that_the_protocol_lacks_is_refused(receive, box, monkeypatch, installed_memory, tmp_path):  # INB-19
    """Without folders nothing can be moved: nothing is fetched either, and the remedy says what can be done."""
    install(monkeypatch, MemoryPlugin(installed_memory, Capabilities()))
    for then in ("move:Done", "read"):
        code, document = receive("--then", then)
        assert (code, document["error"], document["field"]) == (10, "UnsupportedFeature", "--then")
    assert not (tmp_path / "out").exists()


def test_a_subject_cannot_steer_the_terminal(run, account, box):
    """Escape sequences and line breaks in what strangers wrote are shown, not obeyed."""
    box.add(b"From: eve@example.org\nSubject: =?utf-8?q?=1B]0;owned=07=0Aerror:_x?=\n\nx")
    last = run("receive", account).stdout.splitlines()[-1]
    assert "\x1b" not in last
    assert last.startswith("listed\teve@example.org\t")
