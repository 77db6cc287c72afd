"""Which messages an IMAP round lists, where the next one goes on, and how their bytes come."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from mailport.errors import ConfigurationError, NotFound, TransportError
from mailport.transport import Cursor
from mailport_smtp.imap import listing
from mailport_smtp.imap.ahead import SMALL
from tests.peers.dialogue import Dialogue, Step
from tests.peers.dovecot import Dovecot, serve_dovecot
from tests.peers.faults import NORMAL
from tests.peers.imap_store import ImapMail
from tests.peers.mailbox import Mailbox
from tests.peers.pki import Pki
from tests.peers.scripted_imap import CAPABILITIES, ScriptedImap
from tests.plugins.smtp.receiving import (
    PASSWORD,
    USER,
    account,
    contents,
    failure,
    listed,
    mail,
    of_dovecot,
    receiver,
    scripted,
    subjects,
)


def commands(server: ScriptedImap, verb: str) -> list[str]:
    """The arguments of the commands with this verb."""
    lines = [line.decode().partition(" ")[2] for line in server.received]
    return [line.removeprefix(f"{verb} ") for line in lines if line.startswith(f"{verb} ")]


async def uids(server: ScriptedImap, cursor: Cursor = None, limit: int | None = None) -> list[int]:
    """The UIDs that a round lists."""
    async with receiver(scripted(server)) as session:
        found, _ = await listed(session, cursor, limit)
        return [int(delivery.key.partition("/")[2]) for delivery in found]


async def test_a_delivery_says_what_the_server_knows() -> None:
    """Key, cursor, size, time with its zone and flags come without reading the message."""
    with ScriptedImap(messages=[mail("One")], uidvalidity=7) as server:
        server.inbox.mails[0].flags.add("\\Flagged")
        async with receiver(scripted(server)) as session:
            [delivery], cursor = await listed(session)
    assert (delivery.key, delivery.cursor) == ("7/1", {"uidvalidity": 7, "uid": 1})
    assert cursor == delivery.cursor
    assert delivery.size == len(mail("One"))
    assert set(delivery.flags) == {"\\Flagged"}
    assert delivery.received_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert not any(b"BODY" in line or b"ENVELOPE" in line for line in server.received)


async def test_the_last_message_is_not_listed_again() -> None:
    """``UID n:*`` finds the last message even when it lies below n: it is left out."""
    with ScriptedImap(messages=[mail("One"), mail("Two")]) as server:
        assert await uids(server, {"uidvalidity": 1, "uid": 2}) == []
        assert commands(server, "UID SEARCH") == ["UID 3:*"]


async def test_a_rebuilt_folder_voids_the_cursor() -> None:
    """A changed UIDVALIDITY is ``NotFound``: the UIDs mean other messages now."""
    with ScriptedImap(messages=[mail("One")], uidvalidity=2) as server:
        with pytest.raises(NotFound) as caught:
            await uids(server, {"uidvalidity": 1, "uid": 0})
        assert caught.value.code == "read.cursor"
        assert await uids(server) == [1]


async def test_a_huge_folder_is_searched_in_windows() -> None:
    """150,000 numbers would be a line that the library refuses; they come in windows, in ascending order."""
    with ScriptedImap() as server:
        server.inbox.mails = [ImapMail(1_000_000 + n, b"x") for n in range(150_000)]
        server.inbox.uidnext = 1_150_000
        assert await uids(server, {"uidvalidity": 1, "uid": 1_059_998}, limit=3) == [1_059_999, 1_060_000, 1_060_001]
        windows = commands(server, "UID SEARCH")
    assert windows == ["1:50000 UID 1059999:*", "50001:100000 UID 1059999:*"]


async def test_news_of_a_huge_folder_need_one_search() -> None:
    """Where little is new, a large folder costs no more than a small one."""
    with ScriptedImap() as server:
        server.inbox.mails = [ImapMail(n, b"x") for n in range(1, 60_001)]
        server.inbox.uidnext = 60_001
        assert await uids(server, {"uidvalidity": 1, "uid": 59_998}) == [59_999, 60_000]
        assert commands(server, "UID SEARCH") == ["UID 59999:*"]


async def test_expunged_meanwhile_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """When others delete messages between two windows, those behind move forward and are still found."""
    monkeypatch.setattr(listing, "WINDOW", 3)

    async def others_delete(dialogue: Dialogue, normal: Step) -> None:
        del server.inbox.mails[0:2]
        await dialogue.reply("* 1 EXPUNGE\r\n* 1 EXPUNGE")
        await normal()

    with ScriptedImap({"UID SEARCH": [NORMAL, others_delete]}, messages=[mail(str(n)) for n in range(9)]) as server:
        found = await uids(server)
    assert found == [1, 2, 3, 4, 5, 6, 7, 8, 9]


async def test_a_message_limit_is_respected() -> None:
    """A server that answers for at most so many messages (RFC 9738) is asked for no more."""
    offered = (*CAPABILITIES, "MESSAGELIMIT=4")
    with ScriptedImap(messages=[mail(str(n)) for n in range(9)], capabilities=offered) as server:
        assert await uids(server) == list(range(1, 10))
        assert commands(server, "UID SEARCH") == ["1:4 UID 1:*", "5:8 UID 5:*", "9:12 UID 9:*"]


async def test_facts_come_in_batches() -> None:
    """At most 500 messages are asked for in one command, and a limit asks for no more than it needs."""
    with ScriptedImap(messages=[b"x"] * 1100) as server:
        assert len(await uids(server)) == 1100
        assert [line.count(",") + 1 for line in commands(server, "UID FETCH")] == [500, 500, 100]
        server.received.clear()
        assert await uids(server, limit=2) == [1, 2]
        assert [line.partition(" ")[0] for line in commands(server, "UID FETCH")] == ["1,2"]


async def test_progress_lines_are_no_answers() -> None:
    """Dovecot's progress lines during a long search are passed over."""
    progress = "* OK Searched 91% of the mailbox, ETA 0:01\r\n* SEARCH 1\r\n{tag} OK done"
    with ScriptedImap({"UID SEARCH": progress}, messages=[mail("One")]) as server:
        assert await uids(server) == [1]


async def test_the_announced_size_is_not_trusted() -> None:
    """A message is read to its end, whatever RFC822.SIZE says: Exchange and Domino get it wrong."""
    wrong = '* 1 FETCH (UID 1 FLAGS () INTERNALDATE "02-Jan-2026 03:04:05 +0000" RFC822.SIZE 3)\r\n{tag} OK done'
    whole = mail("One", *["line"] * 200_000)
    with ScriptedImap({"UID FETCH": [wrong]}, messages=[whole]) as server:
        assert await contents(scripted(server)) == [whole]


@pytest.mark.parametrize("size", [listing.CHUNK - 1, listing.CHUNK, listing.CHUNK + 1, 2 * listing.CHUNK])
async def test_pieces_meet(size: int) -> None:
    """A message that ends with a piece, or a byte before or after, arrives whole."""
    whole = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    with ScriptedImap(messages=[whole]) as server:
        assert await contents(scripted(server)) == [whole]


@pytest.mark.parametrize("answer", ["{tag} OK FETCH completed", "* 1 FETCH (UID 1 BODY[]<0> NIL)\r\n{tag} OK completed"])
async def test_ok_without_data_is_told(answer: str) -> None:
    """A message that the server cannot convert is reported (Exchange says OK and sends nothing); the others are read."""
    with ScriptedImap({"UID FETCH": [NORMAL, answer, answer]}, messages=[mail("One"), mail("Two")]) as server:
        async with receiver(scripted(server)) as session:
            found, _ = await listed(session)
            with pytest.raises(TransportError) as caught:
                await found[0].read()
            assert caught.value.code == "read.withheld"
            assert await found[1].read() == mail("Two")


async def test_small_messages_come_together() -> None:
    """Reading one message after the other costs a round trip for many small ones, not for each."""
    with ScriptedImap(messages=[mail(str(n)) for n in range(120)]) as server:
        server.inbox.mails[7].content = mail("7", *["x" * 70] * 2000)
        assert subjects(await contents(scripted(server))) == [str(n) for n in range(120)]
        assert len([line for line in commands(server, "UID FETCH") if "BODY" in line]) == 4  # 3 for 119, 1 for the large


async def test_each_read_is_a_fresh_one() -> None:
    """What was read ahead is handed out once; who reads again sees the mailbox as it is then."""
    with ScriptedImap(messages=[mail("One"), mail("Two")]) as server:
        async with receiver(scripted(server)) as session:
            found, _ = await listed(session)
            assert [await delivery.read() for delivery in found] == [mail("One"), mail("Two")]
            server.inbox.mails.clear()
            with pytest.raises(NotFound):
                await found[1].read()


async def test_a_small_size_is_not_trusted_either() -> None:
    """A message that is larger than was said is read whole, though it was asked for as a small one."""
    wrong = '* 1 FETCH (UID 1 FLAGS () INTERNALDATE "02-Jan-2026 03:04:05 +0000" RFC822.SIZE 3)\r\n{tag} OK done'
    with ScriptedImap({"UID FETCH": [wrong]}, messages=[b"x" * (SMALL + 1)]) as server:
        assert await contents(scripted(server)) == [b"x" * (SMALL + 1)]


async def test_one_bad_message_does_not_spoil_those_that_come_with_it() -> None:
    """Where reading many at once is refused, each is read alone."""  # QUE-02
    with ScriptedImap({"UID FETCH": [NORMAL, "{tag} NO cannot"]}, messages=[mail("One"), mail("Two")]) as server:
        assert await contents(scripted(server)) == [mail("One"), mail("Two")]


async def test_reading_marks_nothing() -> None:
    """Bytes are asked for in the form that leaves a message unread."""
    with ScriptedImap(messages=[mail("One")]) as server:
        await contents(scripted(server))
        assert server.inbox.mails[0].flags == set()


async def test_a_missing_folder_lists_the_others(mailbox: Mailbox) -> None:
    """A folder that is not there is a wrong setting, and the remedy names those that are."""  # TST-11
    mailbox.deliver(mail("One"), "Größe & mehr")
    error = await failure(of_dovecot("imap", mailbox.server, mailbox.address, mailbox.password, folder="Missing"))
    assert isinstance(error, ConfigurationError)
    assert (error.code, error.field) == ("folder.missing", "folder")
    assert "Größe & mehr" in error.remedy
    assert "INBOX" in error.remedy


async def test_a_folder_of_any_alphabet_is_read(mailbox: Mailbox) -> None:
    """A folder below another one, with other than ASCII characters and a quote, is read by its name."""
    name = 'Archiv/Größe & "例え"'
    mailbox.deliver(mail("One"), name)
    account = of_dovecot("imap", mailbox.server, mailbox.address, mailbox.password, folder=name)
    assert await contents(account) == [mail("One")]


async def test_a_backslash_may_part_folders() -> None:
    """Domino parts folders with a backslash."""
    root = '* LIST (\\Noselect) "\\\\" ""\r\n{tag} OK done'
    with ScriptedImap({"LIST": [root]}) as server:
        server.folder("Archive\\2026").add(mail("One"))
        assert await contents(scripted(server, folder="Archive/2026")) == [mail("One")]


@pytest.fixture(scope="module")
def dotted(pki: Pki) -> Iterator[Dovecot]:
    """A Dovecot whose delimiter is a dot and where everything lies below INBOX, as on Courier and old Cyrus."""
    with serve_dovecot(pki, extra="namespace inbox {\n separator = .\n prefix = INBOX.\n}") as server:
        server.add_user(USER, PASSWORD)
        server.deliver(USER, mail("One"), "Archive/2026")
        yield server


@pytest.mark.parametrize("name", ["Archive/2026", "INBOX.Archive.2026", "INBOX/Archive/2026"])
async def test_folder_names_are_translated(dotted: Dovecot, name: str) -> None:
    """People write folders with slashes and without the server's prefix."""
    assert await contents(account("imap", "localhost", dotted.imap, folder=name)) == [mail("One")]
