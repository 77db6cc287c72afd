"""What happens to IMAP messages after they were stored, on servers that can everything and on those that can little."""

import re
from collections.abc import AsyncIterator, Sequence

import pytest

from mailport.errors import (
    ConfigurationError,
    MailportError,
    NotFound,
    PermissionDenied,
    TransportError,
    UnsupportedFeature,
)
from mailport.transport import Acknowledgement, Action, ActionKind, Delivery
from mailport_smtp.imap.filing import copied
from tests.peers.dialogue import Dialogue, Step
from tests.peers.faults import NORMAL
from tests.peers.imap_store import Folder
from tests.peers.mailbox import Mailbox
from tests.peers.scripted_imap import ScriptedImap
from tests.plugins.smtp.receiving import (
    ARCHIVE,
    DELETE,
    LEAVE,
    READ,
    acknowledge_all,
    listed,
    mail,
    of_dovecot,
    receiver,
    scripted,
)

OLD = ("IMAP4rev1", "AUTH=PLAIN")
UIDPLUS = (*OLD, "UIDPLUS")


async def _no_bytes() -> AsyncIterator[bytes]:
    yield b""


def by_key(key: str) -> Delivery:
    """A delivery as a host knows it after a crash: its key and nothing else."""
    return Delivery(key=key, load=_no_bytes)


async def acknowledge(server: ScriptedImap, keys: Sequence[str], action: Action) -> Sequence[Acknowledgement]:
    """Apply an action to messages by their keys, in a session of its own."""
    async with receiver(scripted(server)) as session:
        return await session.acknowledge([by_key(key) for key in keys], action)


def uids(folder: Folder) -> list[int]:
    """The messages in a folder."""
    return [mail.uid for mail in folder.mails]


def sent(server: ScriptedImap, verb: str) -> list[str]:
    """The commands with this verb."""
    lines = [line.decode().partition(" ")[2] for line in server.received]
    return [line for line in lines if line.startswith(verb)]


async def test_a_folder_of_any_alphabet_is_made(mailbox: Mailbox) -> None:
    """The archive folder is created when missing, with its parents, whatever its name."""  # INB-17
    mailbox.deliver(mail("One"))
    account = of_dovecot("imap", mailbox.server, mailbox.address, mailbox.password)
    [answer] = await acknowledge_all(account, Action(ActionKind.MOVE, "Archiv/Größe & 例え"))
    assert answer.done
    assert mailbox.messages("Archiv/Größe & 例え") == [mail("One")]


async def test_moving_on_a_server_without_move() -> None:
    """Without MOVE a message is copied, flagged and expunged by its UID, and its new key is told."""
    with ScriptedImap(capabilities=UIDPLUS, messages=[mail("One"), mail("Two")]) as server:
        server.inbox.mails[1].flags.add("\\Deleted")
        [answer] = await acknowledge(server, ["1/1"], ARCHIVE)
        assert (answer.done, answer.new_key) == (True, "1/1")
        assert uids(server.inbox) == [2]
        assert len(server.folder("Archive").mails) == 1
        assert sent(server, "EXPUNGE") == []


async def test_nobody_elses_messages_are_expunged() -> None:
    """Without UIDPLUS nothing is expunged while others have flagged messages, which would go as well."""
    with ScriptedImap(capabilities=OLD, messages=[mail("One"), mail("Two")]) as server:
        server.inbox.mails[1].flags.add("\\Deleted")
        [answer] = await acknowledge(server, ["1/1"], DELETE)
        assert answer.done
        assert "\\Deleted" in server.inbox.mails[0].flags
        assert sent(server, "EXPUNGE") == []


async def test_ones_own_messages_are_expunged() -> None:
    """Without UIDPLUS the folder is expunged when that removes only what we have flagged."""
    with ScriptedImap(capabilities=OLD, messages=[mail("One"), mail("Two")]) as server:
        await acknowledge(server, ["1/1"], DELETE)
        assert uids(server.inbox) == [2]


async def test_a_move_that_was_interrupted_is_finished() -> None:
    """Who comes back after the copy and before the expunge makes no second copy."""  # INB-23
    with ScriptedImap(capabilities=UIDPLUS, messages=[mail("One"), mail("Two")]) as server:
        server.folder("Archive").add(mail("One"))
        server.inbox.mails[0].flags.add("\\Deleted")
        answers = await acknowledge(server, ["1/1", "1/2"], ARCHIVE)
        assert [answer.done for answer in answers] == [True, True]
        assert [stored.content for stored in server.folder("Archive").mails] == [mail("One"), mail("Two")]
        assert uids(server.inbox) == []


async def test_new_keys_do_not_pile_up() -> None:
    """The library keeps every COPYUID; each move is answered by its own."""
    with ScriptedImap(messages=[mail(str(n)) for n in range(4)]) as server:
        server.folder("Archive").uidnext = 40
        async with receiver(scripted(server)) as session:
            found, _ = await listed(session)
            first = await session.acknowledge(found[2:], ARCHIVE)
            second = await session.acknowledge(found[:2], ARCHIVE)
    assert [answer.new_key for answer in first] == ["1/40", "1/41"]
    assert [answer.new_key for answer in second] == ["1/42", "1/43"]


async def test_commands_name_at_most_500_messages() -> None:
    """Yahoo refuses more than 1,000 messages in a command, others long lines."""
    with ScriptedImap(messages=[b"x"] * 1100) as server:
        answers = await acknowledge_all(scripted(server), ARCHIVE)
        assert all(answer.done for answer in answers)
        assert len({answer.new_key for answer in answers}) == 1100
        assert [line.count(",") + 1 for line in sent(server, "UID MOVE")] == [500, 500, 500, 100]  # the first was too early


@pytest.mark.parametrize("bad", [{3}, {1, 6}])
async def test_one_bad_message_spoils_no_other(bad: set[int]) -> None:
    """Where a command is refused, the messages at fault are found, and the others are dealt with."""  # QUE-02
    with ScriptedImap(messages=[mail(str(n)) for n in range(7)]) as server:

        async def picky(dialogue: Dialogue, normal: Step) -> None:
            asked = {int(uid) for uid in re.findall(rb"\d+", server.received[-1].split()[3])}
            await (dialogue.reply("{tag} NO cannot") if asked & bad else normal())

        server.overrides["UID STORE"] = picky
        answers = await acknowledge(server, [f"1/{uid}" for uid in range(1, 8)], READ)
        assert {int(answer.key[2:]) for answer in answers if not answer.done} == bad
        assert all(isinstance(answer.error, TransportError) for answer in answers if not answer.done)
        assert {stored.uid for stored in server.inbox.mails if "\\Seen" not in stored.flags} == bad


async def test_a_refusal_because_of_what_is_gone() -> None:
    """A server that refuses a command because a message is gone does not make that message a failure."""
    with ScriptedImap({"UID STORE": ["{tag} NO some are gone", NORMAL, "{tag} NO gone"]}, messages=[mail("One")]) as server:
        answers = await acknowledge(server, ["1/1", "1/9"], READ)
        assert [answer.done for answer in answers] == [True, True]
        assert server.inbox.mails[0].flags == {"\\Seen"}


async def test_a_general_refusal_is_not_repeated_for_each() -> None:
    """Where every command is refused, the server is not asked for each of a thousand messages."""
    with ScriptedImap({"UID STORE": "{tag} NO [OVERQUOTA] full"}, messages=[b"x"] * 1000) as server:
        answers = await acknowledge_all(scripted(server), READ)
        assert {type(answer.error) for answer in answers} == {PermissionDenied}
        assert {answer.error.code for answer in answers if answer.error} == {"folder.mailbox_full"}
        assert len(sent(server, "UID STORE")) < 50


async def test_marks_that_are_not_kept_are_not_promised() -> None:
    """A folder without the lasting flag of read messages says so before anything is done."""
    with ScriptedImap(messages=[mail("One")], permanent_flags=r"\Answered \Deleted") as server:
        with pytest.raises(UnsupportedFeature) as caught:
            await acknowledge(server, ["1/1"], READ)
        assert caught.value.code == "folder.mark_read"
        assert sent(server, "UID STORE") == []


@pytest.mark.parametrize("permanent", [r"\Seen", r"\*"])
async def test_marks_that_are_kept(permanent: str) -> None:
    """The flag of read messages is set where the folder keeps it, or whatever it is given."""
    with ScriptedImap(messages=[mail("One")], permanent_flags=permanent) as server:
        [answer] = await acknowledge(server, ["1/1"], READ)
        assert answer.done
        assert server.inbox.mails[0].flags == {"\\Seen"}


async def test_a_folder_that_can_only_be_read() -> None:
    """A folder without the right to change it can be read, and what would change it is refused as a missing right."""
    opened = "* 1 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n{tag} OK [READ-ONLY] open"
    with ScriptedImap({"SELECT": opened}, messages=[mail("One")]) as server:
        async with receiver(scripted(server)) as session:
            found, _ = await listed(session)
            assert await found[0].read() == mail("One")
            with pytest.raises(PermissionDenied) as caught:
                await session.acknowledge(found, ARCHIVE)
            assert caught.value.code == "folder.read_only"
            assert [answer.done for answer in await session.acknowledge(found, LEAVE)] == [True]


@pytest.mark.parametrize("folder", ["INBOX", "inbox"])
async def test_moving_to_the_same_folder_is_refused(folder: str) -> None:
    """A message that is moved to where it is would come again and again."""
    with ScriptedImap(messages=[mail("One")]) as server:
        with pytest.raises(ConfigurationError) as caught:
            await acknowledge(server, ["1/1"], Action(ActionKind.MOVE, folder))
        assert caught.value.code == "folder.same"
        assert uids(server.inbox) == [1]


@pytest.mark.parametrize("key", ["2/1", "no key of ours"])
async def test_keys_of_another_folder_touch_nothing(key: str) -> None:
    """A key from before the folder was made anew is not found, and the message that has its number now stays."""
    with ScriptedImap(messages=[mail("One"), mail("Two")]) as server:
        stale, good = await acknowledge(server, [key, "1/2"], DELETE)
        assert isinstance(stale.error, NotFound)
        assert (stale.done, good.done) == (False, True)
        assert uids(server.inbox) == [1]


async def test_a_name_that_the_server_never_allows(mailbox: Mailbox) -> None:
    """Such a name is a setting to mend, and the messages stay."""
    mailbox.deliver(mail("One"))
    box = of_dovecot("imap", mailbox.server, mailbox.address, mailbox.password)
    (answer,) = await acknowledge_all(box, Action.parse("move:bad/../name"))
    assert isinstance(answer.error, ConfigurationError)
    assert (answer.done, answer.error.code, answer.error.field) == (False, "folder.name", "folder")


async def test_a_folder_that_was_made_is_told(mailbox: Mailbox) -> None:
    """A misspelt folder is made like any other, so a person is told that it was not there."""
    box = of_dovecot("imap", mailbox.server, mailbox.address, mailbox.password)
    notes = []
    for subject in ("One", "Two"):
        mailbox.deliver(mail(subject))
        notes += [answer.note for answer in await acknowledge_all(box, Action.parse("move:Typo"))]
    assert notes == ["The folder “Typo” was made.", ""]


async def test_a_folder_that_cannot_be_made() -> None:
    """Where the folder can neither be found nor made, the messages stay and the cause is told."""
    with ScriptedImap({"CREATE": "{tag} NO [NOPERM] not here"}, messages=[mail("One")]) as server:
        [answer] = await acknowledge(server, ["1/1"], ARCHIVE)
        assert not answer.done
        assert isinstance(answer.error, PermissionDenied)
        assert uids(server.inbox) == [1]


async def test_a_server_that_does_not_say_trycreate() -> None:
    """A refusal without [TRYCREATE] is looked into: if the folder is missing it is made."""
    with ScriptedImap({"UID MOVE": ["{tag} NO no such folder"]}, messages=[mail("One")]) as server:
        [answer] = await acknowledge(server, ["1/1"], ARCHIVE)
        assert answer.done
        assert len(server.folder("Archive").mails) == 1


async def test_a_broken_connection_tells_no_success() -> None:
    """Where the connection breaks during a move nothing is promised, and doing it again is harmless."""  # REL-02

    async def moves_and_dies(dialogue: Dialogue, normal: Step) -> None:
        dialogue.allowance = 0
        await normal()
        dialogue.writer.close()

    with ScriptedImap({"UID MOVE": [moves_and_dies]}, messages=[mail("One")]) as server:
        server.folder("Archive")
        with pytest.raises(MailportError):
            await acknowledge(server, ["1/1"], ARCHIVE)
        [answer] = await acknowledge(server, ["1/1"], ARCHIVE)
        assert answer.done
        assert len(server.folder("Archive").mails) == 1


@pytest.mark.parametrize(
    ("answer", "batch", "keys"),
    [
        (b"9 1:3 10:12", [1, 2, 3], {1: "9/10", 2: "9/11", 3: "9/12"}),
        (b"9 3,1 10,20", [1, 3], {3: "9/10", 1: "9/20"}),
        (b"9 1:4000000000 1:4000000000", [1, 2], {1: "9/1", 2: "9/2"}),
        (b"9 7 10", [1], {}),
        (b"nonsense", [1], {}),
        (b"9 : ,", [1], {}),
    ],
)
def test_copyuid_is_read(answer: bytes, batch: list[int], keys: dict[int, str]) -> None:
    """Old and new numbers are matched in order, only for what was asked, and no claim of billions is counted out."""
    assert copied([answer], batch) == keys
