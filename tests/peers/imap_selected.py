"""The commands of the scripted IMAP server that act on the messages of the selected folder."""

from collections.abc import Mapping, Sequence
from functools import partial

from tests.peers import imap_fetch, imap_search
from tests.peers.dialogue import Dialogue
from tests.peers.imap_store import Folder, ImapMail
from tests.peers.imap_words import words
from tests.peers.session import Handler, Refusal


class Selected:
    """The selected folder of one connection."""

    def __init__(
        self,
        folder: Folder,
        *,
        folders: Mapping[str, Folder],
        capabilities: Sequence[str],
        dialogue: Dialogue,
        read_only: bool,
    ) -> None:
        self.folder = folder
        self._folders = folders
        self._capabilities = capabilities
        self._dialogue = dialogue
        self._reply = dialogue.reply
        self._read_only = read_only

    @property
    def verbs(self) -> Mapping[str, Handler]:
        """The handlers, as far as the capabilities allow them."""
        handlers: dict[str, Handler] = {"EXPUNGE": self._expunge}
        for prefix, by_uid in ("", False), ("UID ", True):
            handlers[f"{prefix}SEARCH"] = partial(self._search, by_uid=by_uid)
            handlers[f"{prefix}FETCH"] = partial(self._fetch, by_uid=by_uid)
            handlers[f"{prefix}STORE"] = partial(self._store, by_uid=by_uid)
            handlers[f"{prefix}COPY"] = partial(self._copy, by_uid=by_uid)
            if "MOVE" in self._capabilities:
                handlers[f"{prefix}MOVE"] = partial(self._move, by_uid=by_uid)
        if "UIDPLUS" in self._capabilities:
            handlers["UID EXPUNGE"] = self._uid_expunge
        return handlers

    async def _search(self, argument: str, *, by_uid: bool) -> None:
        found = imap_search.search(self.folder, words(argument))
        numbers = [mail.uid if by_uid else number for number, mail in found]
        await self._reply(" ".join(["* SEARCH", *map(str, numbers)]))
        await self._ok()

    async def _fetch(self, argument: str, *, by_uid: bool) -> None:
        message_set, _, wanted = argument.partition(" ")
        items = imap_fetch.items(wanted, by_uid=by_uid)
        for number, mail in self.folder.numbered(message_set, by_uid=by_uid):
            rendered = imap_fetch.render(mail, items, read_only=self._read_only)
            await self._dialogue.send(b"* %d FETCH (%b)\r\n" % (number, rendered))
        await self._ok()

    async def _store(self, argument: str, *, by_uid: bool) -> None:
        self._writable()
        message_set, action, flags = argument.split(" ", 2)
        given = set(flags.strip("()").split())
        for number, mail in self.folder.numbered(message_set, by_uid=by_uid):
            _change(mail, action.upper().removesuffix(".SILENT"), given)
            if not action.upper().endswith(".SILENT"):
                rendered = imap_fetch.render(mail, imap_fetch.items("FLAGS", by_uid=by_uid))
                await self._dialogue.send(b"* %d FETCH (%b)\r\n" % (number, rendered))
        await self._ok()

    async def _copy(self, argument: str, *, by_uid: bool) -> None:
        _, code = self._duplicate(argument, by_uid=by_uid)
        await self._ok(f"{code}copied")

    async def _move(self, argument: str, *, by_uid: bool) -> None:
        self._writable()
        moved, code = self._duplicate(argument, by_uid=by_uid)
        await self._reply(f"* OK {code}moved")
        await self._remove(moved)

    async def _expunge(self, _: str) -> None:
        self._writable()
        await self._remove([mail for mail in self.folder.mails if "\\Deleted" in mail.flags])

    async def _uid_expunge(self, message_set: str) -> None:
        self._writable()
        meant = self.folder.numbered(message_set, by_uid=True)
        await self._remove([mail for _, mail in meant if "\\Deleted" in mail.flags])

    def _duplicate(self, argument: str, *, by_uid: bool) -> tuple[list[ImapMail], str]:
        """Copy messages to the folder that is named; the originals and the COPYUID response code."""
        message_set, _, name = argument.partition(" ")
        target = self._folders.get(*words(name))
        if target is None:
            raise Refusal("NO [TRYCREATE] no such mailbox")
        originals = [mail for _, mail in self.folder.numbered(message_set, by_uid=by_uid)]
        copies = [target.add(mail.content, *mail.flags) for mail in originals]
        if not copies or "UIDPLUS" not in self._capabilities:
            return originals, ""
        return originals, f"[COPYUID {target.uidvalidity} {_uids(originals)} {_uids(copies)}] "

    async def _remove(self, mails: list[ImapMail]) -> None:
        for number in self.folder.remove(mails):
            await self._reply(f"* {number} EXPUNGE")
        await self._ok()

    def _writable(self) -> None:
        if self._read_only:
            raise Refusal("NO the mailbox is open for reading only")

    async def _ok(self, text: str = "done") -> None:
        await self._reply(f"{{tag}} OK {text}")


def _change(mail: ImapMail, action: str, flags: set[str]) -> None:
    if action == "FLAGS":
        mail.flags = flags
    elif action == "+FLAGS":
        mail.flags |= flags
    elif action == "-FLAGS":
        mail.flags -= flags
    else:
        raise Refusal(f"BAD unknown action {action}")


def _uids(mails: list[ImapMail]) -> str:
    return ",".join(str(mail.uid) for mail in mails)
