"""Reading: lists by synchronisation, content in groups, folders by path, and what is done with messages afterwards."""

from typing import Any

import pytest

from mailport.errors import ConfigurationError, NotFound, PermissionDenied, Throttled, TimedOut, Unreachable
from mailport.testing.messages import incoming as raw_mail
from mailport.transport import Action, ActionKind, Cursor, Delivery
from mailport_ews import operations
from tests.peers.fake_ews import faults
from tests.peers.fake_ews.answers import Failed, m, to_bytes
from tests.peers.fake_ews.answers import answer as soap_answer
from tests.peers.fake_ews.server import FakeEws
from tests.peers.fake_ews.store import MailStore
from tests.plugins.ews.conftest import USER
from tests.plugins.ews.sessions import receiver

READ, DELETE = Action(ActionKind.MARK_READ), Action(ActionKind.DELETE)
ARCHIVE = Action(ActionKind.MOVE, "Archive")


@pytest.fixture
def store(ews: FakeEws) -> MailStore:
    """The mailbox that is read."""
    return ews.room.store(USER)


async def listed(values: dict[str, Any], cursor: Cursor = None, limit: int | None = None, **changes: Any) -> list[Delivery]:
    async with receiver(values, **changes) as open_receiver, open_receiver.fetch(cursor, limit) as deliveries:
        return [delivery async for delivery in deliveries]


async def test_small_messages_come_together(ews: FakeEws, plain: dict[str, Any], store: MailStore) -> None:
    """Forty small messages that are read one after the other are two requests, and each is itself."""
    raws = [store.put(raw_mail(f"No. {n}", size=2000)).raw for n in range(40)]
    async with receiver(plain) as open_receiver, open_receiver.fetch(None) as deliveries:
        assert [await delivery.read() async for delivery in deliveries] == raws
    assert ews.requests.count("GetItem") == 2


async def test_big_messages_come_alone(ews: FakeEws, plain: dict[str, Any], store: MailStore) -> None:
    """A message of more than a megabyte is held alone."""
    for _ in range(3):
        store.put(raw_mail(size=1_200_000))
    async with receiver(plain) as open_receiver, open_receiver.fetch(None) as deliveries:
        assert sum([len(await delivery.read()) async for delivery in deliveries]) > 3_600_000
    assert ews.requests.count("GetItem") == 3


async def test_listing_reads_nothing(ews: FakeEws, plain: dict[str, Any], store: MailStore) -> None:
    """What is only listed is not loaded."""
    store.put(raw_mail(size=100_000))
    [delivery] = await listed(plain)
    assert delivery.size is not None
    assert delivery.size > 100_000
    assert "GetItem" not in ews.requests


async def test_long_folders_come_in_pages(
    ews: FakeEws, plain: dict[str, Any], store: MailStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder is listed page by page, and each page has its cursor at its last message."""
    monkeypatch.setattr(operations, "PAGE", 4)
    for n in range(10):
        store.put(raw_mail(f"No. {n}"))
    deliveries = await listed(plain)
    assert [delivery.cursor is not None for delivery in deliveries] == [n in (3, 7, 9) for n in range(10)]
    assert len(await listed(plain, deliveries[7].cursor)) == 2


async def test_what_is_no_mail_is_left_out(ews: FakeEws, plain: dict[str, Any], store: MailStore) -> None:
    """Appointments and contacts in a folder are no messages; meeting requests are."""
    for kind in ("CalendarItem", "Contact", "MeetingRequest"):
        store.put(raw_mail(kind), kind=kind)
    assert len(await listed(plain)) == 1


@pytest.mark.parametrize("path", ["INBOX/Support/Open", "inbox/support/open", "Projects"])
async def test_folders_by_path(ews: FakeEws, plain: dict[str, Any], store: MailStore, path: str) -> None:
    """A folder is named by its path from the inbox, or from beside it, in any case."""
    support = store.add_folder("Support", store.known["inbox"])
    folders = {
        "open": store.add_folder("Open", support.id),
        "projects": store.add_folder("Projects", store.known["msgfolderroot"]),
    }
    moved = store.put(raw_mail("There"))
    store.move(moved.id, folders[path.rpartition("/")[2].lower()])
    [delivery] = await listed(plain, folder=path)
    assert delivery.key


async def test_a_missing_folder(ews: FakeEws, plain: dict[str, Any]) -> None:
    """A folder that is not there is told at its field, and is not created by reading."""
    with pytest.raises(NotFound) as caught:
        await listed(plain, folder="Nowhere")
    assert (caught.value.code, caught.value.field) == ("folder.missing", "folder")


async def test_a_cursor_of_another_folder(ews: FakeEws, plain: dict[str, Any], store: MailStore) -> None:
    """A cursor that was written for another folder is no longer known."""
    store.add_folder("Other", store.known["msgfolderroot"])
    store.put(raw_mail())
    [delivery] = await listed(plain)
    with pytest.raises(NotFound) as caught:
        await listed(plain, delivery.cursor, folder="Other")
    assert caught.value.code == "read.cursor"


async def test_post_processing_survives_new_ids(ews: FakeEws, plain: dict[str, Any], store: MailStore) -> None:
    """A message that was moved has another id: moving it again tells the same new key, and marking it finds it."""
    store.put(raw_mail())
    async with receiver(plain) as open_receiver, open_receiver.fetch(None) as deliveries:
        [delivery] = [each async for each in deliveries]
        [first] = await open_receiver.acknowledge([delivery], ARCHIVE)
        [again] = await open_receiver.acknowledge([delivery], ARCHIVE)
        [read] = await open_receiver.acknowledge([delivery], READ)
    archive = store.folder("Archive")
    assert archive is not None
    assert [(mail.id, mail.seen) for mail in archive.mails.values()] == [(first.new_key, True)]
    assert (first.done, again, read.done) == (True, first, True)


async def test_who_only_knows_the_old_id_is_done(ews: FakeEws, plain: dict[str, Any], store: MailStore) -> None:
    """After a restart only the id from before the move is known: what is gone from there counts as done."""
    # REL-02
    store.put(raw_mail())
    [delivery] = await listed(plain)
    for _ in range(2):
        async with receiver(plain) as open_receiver:
            [answer] = await open_receiver.acknowledge([delivery], ARCHIVE)
            assert answer.done
    assert len(store.folder("Archive").mails) == 1  # type: ignore[union-attr]


async def test_archive_is_created_in_a_path(ews: FakeEws, plain: dict[str, Any], store: MailStore) -> None:
    """The archive folder is created when missing, with the folders above it."""
    # INB-17
    store.put(raw_mail())
    async with receiver(plain) as open_receiver, open_receiver.fetch(None) as deliveries:
        await open_receiver.acknowledge([each async for each in deliveries], Action(ActionKind.MOVE, "INBOX/Done/2026"))
    assert store.folder("2026") is not None
    assert store.folder("Done").parent == store.known["inbox"]  # type: ignore[union-attr]


async def test_deleted_messages_can_be_brought_back(ews: FakeEws, plain: dict[str, Any], store: MailStore) -> None:
    """Deleting moves a message to the deleted items."""
    store.put(raw_mail())
    async with receiver(plain) as open_receiver, open_receiver.fetch(None) as deliveries:
        await open_receiver.acknowledge([each async for each in deliveries], DELETE)
    assert len(store.folders[store.known["deleteditems"]].mails) == 1


async def test_marking_sends_no_receipts(ews: FakeEws, plain: dict[str, Any], store: MailStore) -> None:
    """Marking as read suppresses the receipt that a sender asked for, and wins over a change made meanwhile."""
    store.put(raw_mail())
    async with receiver(plain) as open_receiver, open_receiver.fetch(None) as deliveries:
        await open_receiver.acknowledge([each async for each in deliveries], READ)
    assert b'SuppressReadReceipts="true"' in ews.bodies[-1]
    assert b'ConflictResolution="AlwaysOverwrite"' in ews.bodies[-1]


async def test_each_message_has_its_own_answer(ews: FakeEws, plain: dict[str, Any], store: MailStore) -> None:
    """Where the server refuses to change a message, its acknowledgement carries the error."""
    store.put(raw_mail())
    async with receiver(plain) as open_receiver, open_receiver.fetch(None) as deliveries:
        [delivery] = [each async for each in deliveries]
        ews.room.item_fault = Failed("ErrorAccessDenied")
        [answer] = await open_receiver.acknowledge([delivery], READ)
    assert answer.done is False
    assert isinstance(answer.error, PermissionDenied)


async def test_250_are_marked_in_three_requests(ews: FakeEws, plain: dict[str, Any], store: MailStore) -> None:
    """Post-processing takes a hundred messages in a request."""
    for n in range(250):
        store.put(raw_mail(f"No. {n}"))
    async with receiver(plain) as open_receiver, open_receiver.fetch(None) as deliveries:
        answers = await open_receiver.acknowledge([each async for each in deliveries], READ)
    assert all(answer.done for answer in answers)
    assert ews.requests.count("UpdateItem") == 3


@pytest.mark.parametrize("honest", [True, False])
async def test_a_truncated_message_is_no_message(ews: FakeEws, plain: dict[str, Any], store: MailStore, honest: bool) -> None:
    """An answer that ends in the middle of a message is an error, never a shorter message."""
    store.put(raw_mail(size=200_000))
    async with receiver(plain) as open_receiver, open_receiver.fetch(None) as deliveries:
        [delivery] = [each async for each in deliveries]
        ews.faults.append(faults.truncated(honest=honest, operation="GetItem"))
        with pytest.raises(Unreachable):
            await delivery.read()
        assert len(await delivery.read()) > 200_000


async def test_a_message_that_cannot_be_converted(ews: FakeEws, plain: dict[str, Any], store: MailStore) -> None:
    """A message of which Exchange cannot make MIME is told, and stays in the mailbox."""
    store.put(raw_mail())
    async with receiver(plain) as open_receiver, open_receiver.fetch(None) as deliveries:
        [delivery] = [each async for each in deliveries]
        ews.room.item_fault = Failed("ErrorMimeContentConversionFailed")
        with pytest.raises(Exception, match="cannot turn the message into MIME"):
            await delivery.read()
    assert len(store.folders[store.known["inbox"]].mails) == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.soap(Failed("ErrorServerBusy", back_off=1500), operation="SyncFolderItems"), Throttled),
        (faults.status(503, headers={"Retry-After": "9"}, operation="SyncFolderItems"), Throttled),
        (faults.status(502, operation="SyncFolderItems"), Unreachable),
        (faults.cut_after(operation="SyncFolderItems"), Unreachable),
        (faults.text(b"<html/>", operation="SyncFolderItems"), Unreachable),
        (faults.soap(Failed("ErrorMailboxStoreUnavailable"), operation="SyncFolderItems"), Unreachable),
        (faults.status(404, operation="SyncFolderItems"), ConfigurationError),
    ],
    ids=["busy", "503", "502", "cut", "html", "store", "404"],
)
async def test_faults_while_listing(ews: FakeEws, plain: dict[str, Any], fault: faults.Fault, kind: type[Exception]) -> None:
    """What goes wrong while listing is told by its class, and nothing is tried again here."""
    ews.faults.append(fault)
    with pytest.raises(kind):
        await listed(plain)
    assert ews.requests.count("SyncFolderItems") <= 1


async def test_an_endless_answer_ends(ews: FakeEws, plain: dict[str, Any]) -> None:
    """An answer larger than anything that was asked for is refused while it is read."""
    # SEC-07
    ews.faults.append(faults.text(b"<a>" + b"x" * 70_000_000, operation="SyncFolderItems"))
    with pytest.raises(Unreachable, match="larger than"):
        await listed(plain)


async def test_characters_that_xml_forbids(ews: FakeEws, plain: dict[str, Any]) -> None:
    """Exchange writes control characters into XML; what stands around them is read all the same."""
    answer = to_bytes(soap_answer("SyncFolderItems", [[m.SyncState("A"), m.IncludesLastItemInRange("true"), m.Changes()]]))
    broken = answer.replace(b"<m:ResponseCode>", b"<m:MessageText>&#x1F;&#11;</m:MessageText><m:ResponseCode>")
    ews.faults.append(faults.text(broken, operation="SyncFolderItems"))
    assert await listed(plain) == []
    assert broken != answer


async def test_entities_are_not_expanded(ews: FakeEws, plain: dict[str, Any]) -> None:
    """An answer with a document type is refused."""
    # SEC-07
    bomb = b'<!DOCTYPE s:Envelope [<!ENTITY a "aaaa">]><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
    ews.faults.append(faults.text(bomb + b"<s:Body>&a;</s:Body></s:Envelope>", operation="SyncFolderItems"))
    with pytest.raises(Unreachable, match="document type"):
        await listed(plain)


async def test_silence_while_reading(ews: FakeEws, plain: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that stays silent ends in a timeout."""
    # OUT-22
    monkeypatch.setattr("mailport.account.RECEIVE_TIMEOUT", 0.5)
    ews.faults.append(faults.slow(5, operation="SyncFolderItems"))
    with pytest.raises(TimedOut):
        await listed(plain)


async def test_an_answer_that_drips(ews: FakeEws, plain: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that comes byte by byte ends in a timeout, although the server is never silent for long."""
    # SEC-07
    monkeypatch.setattr("mailport.account.RECEIVE_TIMEOUT", 0.5)
    ews.faults.append(faults.dripping(0.05, operation="SyncFolderItems"))
    with pytest.raises(TimedOut):
        await listed(plain)


async def test_an_old_server_is_spoken_to_in_its_version(ews: FakeEws, plain: dict[str, Any], store: MailStore) -> None:
    """A server that refuses the newest schema is asked in an older one, found while signing in."""
    ews.versions = {"Exchange2010_SP2"}
    ews.judges = False  # the schemas are those of Exchange 2016
    store.put(raw_mail())
    assert len(await listed(plain)) == 1


async def test_delegates_read_other_mailboxes(ews: FakeEws, plain: dict[str, Any]) -> None:
    """A login that has Full Access reads the mailbox in User Name."""
    # PLS-01
    shared = ews.add_mailbox("shared@example.org")
    shared.put(raw_mail())
    changes: dict[str, Any] = {"user_name": "shared@example.org", "login": USER}
    with pytest.raises(PermissionDenied) as caught:
        await listed(plain, **changes)
    assert "Add-MailboxPermission" in caught.value.remedy
    ews.delegates[USER] = {"shared@example.org"}
    assert len(await listed(plain, **changes)) == 1
