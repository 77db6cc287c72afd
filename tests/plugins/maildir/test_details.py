"""What is particular to a Maildir: links, pipes, names, late files, threads."""

import asyncio
import errno
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Semaphore
from typing import Any

import pytest

from mailport.errors import (
    ConfigurationError,
    MailportError,
    NotFound,
    PermissionDenied,
    TimedOut,
    Uncertain,
    Unreachable,
)
from mailport.fields import Direction
from mailport.host import Mailport
from mailport.message import Message
from mailport.services import Services
from mailport.testing.messages import incoming, plain
from mailport.transport import Action, Cursor, Delivery
from mailport_maildir.receiver import time_of
from mailport_maildir.translate import explain
from tests.plugins.maildir.harness import USER, MaildirHarness

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a Maildir needs colons in file names")


@pytest.fixture
def harness(tmp_path: Path) -> MaildirHarness:
    return MaildirHarness(tmp_path)


@pytest.fixture
def inbox(harness: MaildirHarness) -> Path:
    """The directory of the account, with its parts."""
    path = harness.root / "team" / "inbox"
    for part in ("tmp", "new", "cur"):
        (path / part).mkdir(parents=True)
    return path


async def listed(
    harness: MaildirHarness, cursor: Cursor = None, limit: int | None = None, **changes: Any
) -> tuple[list[Delivery], Cursor]:
    async with harness.receiver(**changes) as receiver, receiver.fetch(cursor, limit) as deliveries:
        found = [delivery async for delivery in deliveries]
        return found, deliveries.cursor


async def acknowledge(harness: MaildirHarness, action: str) -> Sequence[str | None]:
    async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
        answers = await receiver.acknowledge([delivery async for delivery in deliveries], Action.parse(action))
    assert all(answer.done for answer in answers)
    return [answer.new_key for answer in answers]


def files(path: Path) -> list[str]:
    return sorted(str(file.relative_to(path)) for file in path.rglob("*") if not file.is_dir())


async def failure(harness: MaildirHarness, **changes: Any) -> MailportError:
    with pytest.raises(MailportError) as caught:
        await listed(harness, **changes)
    return caught.value


# Links and strange files


@pytest.mark.parametrize("link", ["team", "team/inbox", "team/inbox/new", "team/inbox/cur", "team/inbox/tmp"])
@pytest.mark.parametrize("direction", Direction)
async def test_links_are_refused(
    harness: MaildirHarness, tmp_path_factory: pytest.TempPathFactory, link: str, direction: Direction
) -> None:
    """A link anywhere below the root stops sender and receiver, and nothing is made where it points."""
    outside = tmp_path_factory.mktemp("outside")
    (harness.root / link).parent.mkdir(parents=True, exist_ok=True)
    (harness.root / link).symlink_to(outside)
    session = harness.sender() if direction is Direction.OUTGOING else harness.receiver()
    with pytest.raises(ConfigurationError) as caught:
        await session.open()
    await session.close()
    assert (caught.value.code, caught.value.field) == ("folder.no_directory", "directory")
    assert list(outside.iterdir()) == []
    assert str(harness.root) not in str(caught.value)


async def test_a_linked_subfolder_is_refused(harness: MaildirHarness, inbox: Path, tmp_path: Path) -> None:
    """Neither reading from nor moving into a folder that is a link leads out."""
    (tmp_path / "outside").mkdir()
    (inbox / ".Archive").symlink_to(tmp_path / "outside")
    await harness.deliver(incoming())
    assert isinstance(await failure(harness, folder="Archive"), ConfigurationError)
    with pytest.raises(ConfigurationError):
        await acknowledge(harness, "move:Archive")
    assert len(await harness.stored()) == 1


async def test_a_linked_message_is_not_read(harness: MaildirHarness, inbox: Path, tmp_path: Path) -> None:
    """A link, a pipe, a directory or a hidden file in the folder is no message."""
    (tmp_path / "secret").write_bytes(b"secret")
    (inbox / "new" / "1.link").symlink_to(tmp_path / "secret")
    os.mkfifo(inbox / "new" / "2.pipe")
    (inbox / "cur" / "3.directory").mkdir()
    (inbox / "cur" / ".4.hidden").write_bytes(b"hidden")
    await harness.deliver(incoming("Real"))
    found, _ = await listed(harness)
    assert len(found) == 1


async def test_a_message_replaced_by_a_link_is_not_read(harness: MaildirHarness, inbox: Path, tmp_path: Path) -> None:
    """A link put in the place of a listed message is not followed."""
    (tmp_path / "secret").write_bytes(b"secret")
    await harness.deliver(incoming())
    async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
        [delivery] = [delivery async for delivery in deliveries]
        [file] = (inbox / name for name in files(inbox))
        file.unlink()
        file.symlink_to(tmp_path / "secret")
        with pytest.raises(ConfigurationError):
            await delivery.read()


async def test_the_root_may_be_a_link(harness: MaildirHarness, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where the operator's own folder is a link, it is followed."""
    link = tmp_path_factory.mktemp("links") / "mail"
    link.symlink_to(harness.root)
    harness.services = Services(local_root=link)
    await harness.deliver(incoming())
    assert len((await listed(harness))[0]) == 1


@pytest.mark.parametrize("root", [None, Path("/nowhere/at/all")])
async def test_a_root_is_needed(harness: MaildirHarness, root: Path | None) -> None:
    """Without a folder of the operator nothing is read or written, and the error says what to do."""
    harness.services = Services(local_root=root)
    error = await failure(harness)
    assert isinstance(error, ConfigurationError)
    assert (error.code, error.field) == ("settings.local_root", "directory")
    assert "local_root" in error.remedy


async def test_a_missing_folder_is_not_found(harness: MaildirHarness) -> None:
    """Reading a folder that nobody made is NotFound at the field; the inbox itself is made."""
    error = await failure(harness, folder="Nowhere")
    assert isinstance(error, NotFound)
    assert (error.code, error.field) == ("folder.missing", "folder")
    assert (await listed(harness))[0] == []


# What is listed


async def test_late_files_with_older_names_are_not_lost(harness: MaildirHarness, inbox: Path) -> None:
    """A message that comes later under an older name, with an older time, is listed all the same."""
    await harness.deliver(incoming("First"))
    _, cursor = await listed(harness)
    late = inbox / "new" / "1000000000.M1P1Q1.elsewhere"
    late.write_bytes(incoming("Late"))
    os.utime(late, (1_000_000_000, 1_000_000_000))
    found, cursor = await listed(harness, cursor)
    assert [delivery.key for delivery in found] == [late.name]
    assert (await listed(harness, cursor))[0] == []


async def test_messages_come_oldest_first(harness: MaildirHarness, inbox: Path) -> None:
    """The order is that of the times at which the files were written, not of their names."""
    for position, name in enumerate(["c", "a", "b"]):
        (inbox / "new" / name).write_bytes(incoming())
        os.utime(inbox / "new" / name, (1_700_000_000 + position,) * 2)
    assert [delivery.key for delivery in (await listed(harness))[0]] == ["c", "a", "b"]
    assert [delivery.key for delivery in (await listed(harness, limit=2))[0]] == ["c", "a"]


async def test_a_cursor_forgets_what_is_gone(harness: MaildirHarness) -> None:
    """A cursor names only messages that are still there: it does not grow for ever."""
    for _ in range(20):
        await harness.deliver(incoming())
    _, full = await listed(harness)
    await acknowledge(harness, "delete")
    _, empty = await listed(harness, full)
    assert len(str(empty)) < len(str(full)) / 4


async def test_a_message_is_found_where_another_program_put_it(harness: MaildirHarness, inbox: Path) -> None:
    """A message renamed by another program after it was listed is read and dealt with under its new name."""
    await harness.deliver(incoming("Renamed"))
    async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
        [delivery] = [delivery async for delivery in deliveries]
        [file] = (inbox / name for name in files(inbox))
        file.rename(inbox / "cur" / f"{file.name.partition(':')[0]}:2,F")
        assert (await delivery.message()).subject == "Renamed"
        [answer] = await receiver.acknowledge([delivery], Action.parse("read"))
    assert answer.done
    assert files(inbox) == [f"cur/{delivery.key}:2,FS"]
    assert (await listed(harness))[0][0].flags == {"\\Flagged", "\\Seen"}


async def test_names_may_be_any_bytes(harness: MaildirHarness, inbox: Path) -> None:
    """A file whose name is no UTF-8 has a key that a database takes, and is read and deleted by it."""
    (inbox / "new" / os.fsdecode(b"1.\xff.host")).write_bytes(incoming("Odd"))
    found, _ = await listed(harness)
    assert found[0].key.encode() == rb"1.\xff.host"
    await acknowledge(harness, "delete")
    assert files(inbox) == []


def test_a_time_without_a_calendar_is_left_out() -> None:
    """A file from a year that dates do not know is listed without a time."""
    assert time_of(os.stat_result((0o100600, 1, 1, 1, 0, 0, 0, 0, 300_000_000_000, 0))) is None


# What becomes of messages


async def test_moving_keeps_flags_and_makes_a_real_subfolder(harness: MaildirHarness, inbox: Path) -> None:
    """A moved message keeps key and flags; the new folder is marked as one, so that other programs show it."""
    (inbox / "cur" / "1.host:2,FS").write_bytes(incoming())
    assert await acknowledge(harness, "move:Archive/2026") == ["1.host"]
    assert files(inbox) == [".Archive.2026/cur/1.host:2,FS", ".Archive.2026/maildirfolder"]


async def test_moving_into_the_same_folder_keeps_the_message(harness: MaildirHarness, inbox: Path) -> None:
    """A message moved to where it is stays there."""
    await harness.deliver(incoming())
    before = files(inbox)
    assert await acknowledge(harness, "move:INBOX") == [(await listed(harness))[0][0].key]
    assert files(inbox) == before


async def test_a_failure_is_told_for_its_message(harness: MaildirHarness, inbox: Path) -> None:
    """Where one message cannot be dealt with, its answer says why, and the others are done."""
    for name in ("1.good", "2.bad"):
        (inbox / "new" / name).write_bytes(incoming())
    (inbox / "cur" / "2.bad:2,S").mkdir()  # a file cannot take the place of a directory
    async with harness.receiver() as receiver:
        found = [Delivery(key=key, load=lambda: (_ for _ in ())) for key in ("1.good", "2.bad")]  # type: ignore[arg-type,return-value]
        (inbox / "new" / "2.bad").touch()
        answers = await receiver.acknowledge(found, Action.parse("delete"))
    assert answers[0].done is True
    assert (answers[1].done, answers[1].error is not None) == (False, True)
    assert "new/1.good" not in files(inbox)


# Sending


async def test_files_are_private(harness: MaildirHarness) -> None:
    """Directories and messages belong to the service alone."""
    async with harness.sender() as sender:
        await sender.send(plain(USER, USER))
    modes = {path.stat().st_mode & 0o777 for path in (harness.root / "team").rglob("*")}
    assert modes == {0o700, 0o600}


async def test_a_message_is_found_in_any_folder(harness: MaildirHarness) -> None:
    """A sent message is found where it was moved to, and not any more after it was deleted."""
    message = plain(USER, USER)
    async with harness.sender() as sender:
        await sender.send(message)
        await acknowledge(harness, "move:Archive")
        assert await sender.find(message.message_id) is True
        async with harness.receiver(folder="Archive") as receiver, receiver.fetch(None) as deliveries:
            await receiver.acknowledge([delivery async for delivery in deliveries], Action.parse("delete"))
        assert await sender.find(message.message_id) is False


async def test_given_up_deliveries_are_tidied_up(harness: MaildirHarness, inbox: Path) -> None:
    """What a crash left in tmp goes after 36 hours, not before."""
    for name, hours in (("old", 37), ("recent", 35)):
        (inbox / "tmp" / name).write_bytes(b"half a mess")
        os.utime(inbox / "tmp" / name, (time.time() - hours * 3600,) * 2)
    async with harness.sender():
        pass
    assert files(inbox) == ["tmp/recent"]


@dataclass(frozen=True, kw_only=True)
class SlowMessage(Message):
    """A message whose bytes come when a test gives them: until then it is under way."""

    envelope_to: tuple[str, ...] | None = (USER,)
    begun: Semaphore = field(default_factory=lambda: Semaphore(0))
    given: Semaphore = field(default_factory=lambda: Semaphore(0))

    def chunks(self, *, keep_bcc: bool = False) -> Iterator[bytes]:
        yield b"Subject: slow\r\n"
        self.begun.release()
        self.given.acquire(timeout=5)
        yield b"\r\n"


async def test_cancelled_before_it_appears_it_is_unsent(harness: MaildirHarness, inbox: Path) -> None:
    """A send cancelled while its file is written leaves nothing, though the thread goes on; the next one is sent."""
    async with harness.sender() as sender:
        slow = SlowMessage()
        send = asyncio.create_task(sender.send(slow))
        await asyncio.to_thread(slow.begun.acquire, timeout=5)
        assert len(files(inbox / "tmp")) == 1
        send.cancel()
        with pytest.raises(asyncio.CancelledError):
            await send
        slow.given.release()
        await sender.send(plain(USER, USER))
    assert [name.partition("/")[0] for name in files(inbox)] == ["new"]


async def test_a_disk_that_does_not_answer_ends_in_time(harness: MaildirHarness, inbox: Path) -> None:
    """A message that could not be written in time is TimedOut, and does not appear later."""
    async with harness.sender(harness.account(Direction.OUTGOING, timeout=0.2)) as sender:
        slow = SlowMessage()
        with pytest.raises(TimedOut):
            await sender.send(slow)
        slow.given.release()
    assert files(inbox) == []


# Descriptors and errors


async def test_sessions_leave_no_descriptor(harness: MaildirHarness) -> None:
    """Sessions, also those that fail or are left in the middle of a message, leave no file open."""
    await harness.deliver(incoming(size=2_000_000))

    async def use() -> None:
        async with harness.receiver() as receiver, receiver.fetch(None) as deliveries:
            async for delivery in deliveries:
                chunks = delivery.chunks()
                await anext(chunks)
                await chunks.aclose()  # type: ignore[attr-defined]
        async with harness.sender() as sender:
            await sender.find("<nothing@example.test>")
        await failure(harness, folder="Nowhere")

    await use()
    before = len(os.listdir("/dev/fd"))
    for _ in range(5):
        await use()
    assert len(os.listdir("/dev/fd")) == before


async def test_a_closed_session_says_so(harness: MaildirHarness) -> None:
    """Work on a session that is not open is an error, not a hang."""
    sender, receiver = harness.sender(), harness.receiver()
    for session in (sender, receiver):
        await session.open()
        await session.close()
    with pytest.raises(Unreachable):
        await sender.send(plain(USER, USER))
    with pytest.raises(Unreachable):
        await receiver.acknowledge([], Action.parse("delete"))


@pytest.mark.parametrize(
    ("number", "expected", "code"),
    [
        (errno.EACCES, PermissionDenied, "permission.directory"),
        (errno.EROFS, PermissionDenied, "permission.directory"),
        (errno.ELOOP, ConfigurationError, "folder.no_directory"),
        (errno.ENOENT, NotFound, "folder.missing"),
        (errno.ENOSPC, Unreachable, "send.disk_full"),
        (errno.EIO, Unreachable, "folder.failed"),
    ],
)
def test_failures_say_what_to_do(number: int, expected: type[MailportError], code: str) -> None:
    """Each kind of failure of the file system has its class, its code and a remedy; no path is told."""
    error = explain(OSError(number, os.strerror(number), "/srv/mail/team"))
    assert (type(error), error.code) == (expected, code)
    assert error.remedy
    assert "/srv" not in str(error.as_dict())


def test_a_failure_after_the_hand_over_is_uncertain() -> None:
    """A message that appeared and could not be made durable may be there after a crash, or not."""
    assert isinstance(explain(OSError(errno.EIO, "Input/output error"), handed_over=True), Uncertain)


async def test_an_application_sends_and_receives(tmp_path: Path) -> None:
    """The whole way, through the installed plugin."""
    values = {"protocol": "maildir", "directory": "desk", "user_name": USER}
    async with Mailport(local_root=tmp_path) as mail:
        receipt = await mail.submit(plain(USER, "ann@example.test", subject="Hello"), mail.account(values))
        assert receipt.accepted
        async with mail.poll(mail.account(values, "incoming")) as round_:
            messages = [await delivery.message() async for delivery in round_]
            await round_.acknowledge(Action.parse("move:Archive"))
        report = await mail.test_connection(mail.account(values, "incoming"))
    assert [message.subject for message in messages] == ["Hello"]
    assert report.passed
    assert Message.read(next((tmp_path / "desk" / ".Archive" / "new").iterdir())).message_id == receipt.message_id


@pytest.mark.parametrize("missing", ["directory", "folder"])
async def test_a_test_makes_nothing(harness: MaildirHarness, missing: str) -> None:
    """A test leaves no trace: an inbox that is missing is told, and a place to send to is made by the first mail."""  # TST-01
    if missing == "folder":
        (harness.root / "team" / "inbox").mkdir(parents=True)
    before = sorted(harness.root.rglob("*"))
    host = Mailport(local_root=harness.root)
    values = {"protocol": "maildir", "user_name": USER, "directory": "team/inbox"}
    outgoing = await host.test_connection(host.account(values))
    incoming = await host.test_connection(host.account(values, Direction.INCOMING))
    assert sorted(harness.root.rglob("*")) == before
    assert outgoing.passed
    assert any("the first mail makes it" in result.said for result in outgoing.rungs)
    assert incoming.cause is not None
    assert (incoming.cause.code, incoming.cause.field) == ("folder.missing", "directory")
