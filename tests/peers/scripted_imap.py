"""A minimal correct IMAP server over mailboxes in memory that a test can make misbehave at any verb."""

import re
import ssl
from collections.abc import Mapping, Sequence
from functools import partial

from tests.peers.dialogue import Dialogue, HangUp, Plan
from tests.peers.imap_selected import Selected
from tests.peers.imap_store import Folder
from tests.peers.imap_words import decode, encode, quote, words
from tests.peers.maildir import modified_utf7
from tests.peers.sasl import Accounts
from tests.peers.scripted import VerbServer
from tests.peers.session import Handler, Refusal, VerbSession

CAPABILITIES = (
    "IMAP4rev1",
    "SASL-IR",
    "LITERAL+",
    "UIDPLUS",
    "MOVE",
    "IDLE",
    "UNSELECT",
    "AUTH=PLAIN",
    "AUTH=XOAUTH2",
    "AUTH=OAUTHBEARER",
)


class ScriptedImap(VerbServer):
    """IMAP4rev1 over `folders`, which tests may change between two commands.

    The steps that `overrides` can name are GREETING and the verbs, where `UID FETCH` and its like are verbs of their
    own; in a fixed reply `{tag}` stands for the tag of the command. `messages` are the first ones of the INBOX.
    `users` holds the password or token of each user; without it everybody may sign in. `starttls` offers the upgrade,
    `tls` is implicit TLS. What `capabilities` does not name is refused. Attempts to sign in are in `logins`.
    """

    def __init__(
        self,
        overrides: Mapping[str, Plan] | None = None,
        *,
        messages: Sequence[bytes] = (),
        uidvalidity: int = 1,
        permanent_flags: str = r"\Answered \Flagged \Deleted \Seen \Draft \*",
        capabilities: Sequence[str] = CAPABILITIES,
        users: Mapping[str, str] | None = None,
        starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(overrides, tls=tls)
        self.inbox = Folder(uidvalidity)
        self.folders = {"INBOX": self.inbox}  # by their names on the wire
        for content in messages:
            self.inbox.add(content)
        self.permanent_flags = permanent_flags
        self.capabilities = capabilities
        self.starttls = starttls
        self.accounts = Accounts(users)
        self.logins = self.accounts.logins

    def folder(self, name: str) -> Folder:
        """The folder of this (decoded) name, made when it is not there."""
        return self.folders.setdefault(modified_utf7(name), Folder())

    async def converse(self, dialogue: Dialogue) -> None:
        """Serve one connection."""
        await _Session(self, dialogue).run()


class _Session(VerbSession):
    no_tls = "BAD TLS is not offered"

    def __init__(self, server: ScriptedImap, dialogue: Dialogue) -> None:
        super().__init__(dialogue, server.starttls)
        self._server = server
        self._signed_in = False
        self._selected: Selected | None = None

    @property
    def verbs(self) -> Mapping[str, Handler]:
        known: dict[str, Handler] = {
            "CAPABILITY": self._capability,
            "NOOP": self._noop,
            "LOGOUT": self._logout,
            "STARTTLS": self._starttls,
            "LOGIN": self._login,
            "AUTHENTICATE": self._authenticate,
        }
        if self._signed_in:
            known |= {
                "SELECT": partial(self._select, read_only=False),
                "EXAMINE": partial(self._select, read_only=True),
                "CREATE": self._create,
                "LIST": self._list,
                "APPEND": self._append,
                "IDLE": self._idle,
            }
        if self._selected:
            known |= {"UNSELECT": self._unselect, **self._selected.verbs}
        return known

    async def greet(self) -> None:
        await self.reply(f"* OK [CAPABILITY {self._capabilities()}] ready")

    async def refuse(self, text: str) -> None:
        await self.reply(f"{{tag}} {text}")

    async def unknown(self, _: str) -> None:
        await self.refuse("BAD unknown command, or not now")

    async def read_command(self) -> tuple[str, str]:
        """Verb and arguments; literals have become quoted strings."""
        text = decode(await self.dialogue.read_line())
        while literal := re.search(r"\{(\d+)(\+?)\}$", text):
            if not literal[2]:
                await self.reply("+ go ahead")
            content = decode(await self.dialogue.reader.readexactly(int(literal[1])))
            text = text[: literal.start()] + quote(content) + decode(await self.dialogue.read_line())
        self.dialogue.tag, _, command = text.partition(" ")
        verb, _, argument = command.partition(" ")
        if verb.upper() == "UID":
            following, _, argument = argument.partition(" ")
            verb = f"UID {following}"
        return verb.upper(), argument

    async def _capability(self, _: str) -> None:
        await self.reply(f"* CAPABILITY {self._capabilities()}")
        await self._ok()

    async def _noop(self, _: str) -> None:
        if self._selected:
            await self.reply(f"* {len(self._selected.folder.mails)} EXISTS")
        await self._ok()

    async def _logout(self, _: str) -> None:
        await self.reply("* BYE signing off")
        await self._ok()
        raise HangUp

    async def _starttls(self, _: str) -> None:
        await self.start_tls("{tag} OK go ahead")

    async def _login(self, argument: str) -> None:
        if "LOGINDISABLED" in self._server.capabilities:
            raise Refusal("NO [PRIVACYREQUIRED] LOGIN is disabled")
        username, password = words(argument)
        await self._enter(self._server.accounts.admit("LOGIN", username, password))

    async def _authenticate(self, argument: str) -> None:
        mechanism, _, initial = argument.partition(" ")
        if f"AUTH={mechanism.upper()}" not in self._server.capabilities:
            raise Refusal("NO unknown mechanism")
        try:
            admitted = await self._server.accounts.authenticate(mechanism.upper(), initial, self._ask)
        except ValueError as error:
            raise Refusal("BAD malformed authentication") from error
        await self._enter(admitted)

    async def _ask(self, challenge: str) -> str:
        await self.reply(f"+ {challenge}")
        return decode(await self.dialogue.read_line())

    async def _enter(self, admitted: bool) -> None:
        if not admitted:
            raise Refusal("NO [AUTHENTICATIONFAILED] authentication failed")
        self._signed_in = True
        await self._ok()

    async def _select(self, argument: str, *, read_only: bool) -> None:
        self._selected = None
        folder = self._named(words(argument)[0])
        self._selected = Selected(
            folder,
            folders=self._server.folders,
            capabilities=self._server.capabilities,
            dialogue=self.dialogue,
            read_only=read_only,
        )
        await self.reply(
            f"* {len(folder.mails)} EXISTS\r\n* 0 RECENT\r\n"
            f"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n"
            f"* OK [PERMANENTFLAGS ({'' if read_only else self._server.permanent_flags})] flags\r\n"
            f"* OK [UIDVALIDITY {folder.uidvalidity}] valid\r\n* OK [UIDNEXT {folder.uidnext}] next"
        )
        await self._ok("[READ-ONLY] open" if read_only else "[READ-WRITE] open")

    async def _unselect(self, _: str) -> None:
        self._selected = None
        await self._ok()

    async def _create(self, argument: str) -> None:
        name = words(argument)[0]
        if name in self._server.folders:
            raise Refusal("NO [ALREADYEXISTS] there is such a mailbox")
        self._server.folders[name] = Folder()
        await self._ok()

    async def _list(self, argument: str) -> None:
        reference, pattern = words(argument)[:2]
        wanted = re.escape(reference + pattern).replace(r"\*", ".*").replace("%", "[^/]*")
        for name, folder in self._server.folders.items():
            if re.fullmatch(wanted, name):
                await self.reply(f'* LIST ({" ".join(folder.attributes)}) "/" {quote(name)}')
        await self._ok()

    async def _append(self, argument: str) -> None:
        name, *options, content = words(argument)
        folder = self._named(name)
        flags = next((option for option in options if option.startswith("(")), "()")
        mail = folder.add(encode(content), *flags.strip("()").split())
        await self._ok(f"[APPENDUID {folder.uidvalidity} {mail.uid}] appended")

    async def _idle(self, _: str) -> None:
        await self.reply("+ idling")
        await self.dialogue.read_line()  # DONE
        await self._ok()

    def _named(self, name: str) -> Folder:
        folder = self._server.folders.get("INBOX" if name.upper() == "INBOX" else name)
        if folder is None:
            raise Refusal("NO [NONEXISTENT] no such mailbox")
        return folder

    def _capabilities(self) -> str:
        return " ".join([*self._server.capabilities, *(["STARTTLS"] if self.can_start_tls else [])])

    async def _ok(self, text: str = "done") -> None:
        await self.reply(f"{{tag}} OK {text}")
