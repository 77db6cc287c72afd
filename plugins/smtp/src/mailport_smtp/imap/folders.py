"""IMAP folders: names as people write them and as the server does, selecting one, making one that is missing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from imaplib import IMAP4
from typing import Any

from mailport.errors import ConfigurationError, UnsupportedFeature
from mailport_smtp.imap.wire import Client

__all__ = ["Status", "check_name", "exists", "make", "resolve", "select", "selectable"]

_LINE_BREAK = re.compile(r"[\r\n\0]")
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Status:
    """A selected folder. ``uid_next`` is None where the server does not say; so is ``permanent_flags``: then all are."""

    name: str
    uidvalidity: int
    exists: int
    uid_next: int | None
    permanent_flags: frozenset[str] | None
    writable: bool

    def keeps(self, flag: str) -> bool:
        """Whether the folder keeps a flag beyond this session."""
        return self.permanent_flags is None or not self.permanent_flags.isdisjoint({flag.lower(), r"\*"})


def check_name(name: str) -> None:
    """Refuse CR, LF and NUL, which would end the command (SEC-05)."""
    if _LINE_BREAK.search(name) or not name:
        raise ConfigurationError(
            "The name of the folder is empty or contains a line break.",
            code="folder.name",
            field="folder",
            remedy="Enter the folder's name on one line.",
        )


def select(client: Client, name: str, *, read_only: bool = False) -> Status:
    """Select a folder, read-only where it cannot be changed.

    Raises ``ConfigurationError`` (``folder.missing``), which lists what folders there are.
    """
    try:
        answer = client.select_folder(name, readonly=read_only)
    except IMAP4.readonly:
        answer = client.select_folder(name, readonly=True)
    except IMAP4.abort:
        raise
    except IMAP4.error as error:
        if exists(client, name):
            raise
        raise _missing(client, name) from error
    return _status(name, answer)


def _status(name: str, answer: dict[bytes, Any]) -> Status:
    if b"UIDVALIDITY" not in answer:
        raise UnsupportedFeature(
            f"The folder “{name}” gives its messages no lasting numbers (UIDs).",
            code="folder.uidvalidity",
            field="folder",
            remedy="Choose another folder.",
        )
    flags = answer.get(b"PERMANENTFLAGS")
    return Status(
        name=name,
        uidvalidity=answer[b"UIDVALIDITY"],
        exists=answer.get(b"EXISTS", 0),
        uid_next=answer.get(b"UIDNEXT"),
        permanent_flags=None if flags is None else frozenset(flag.decode("ascii", "replace").lower() for flag in flags),
        writable=b"READ-ONLY" not in answer,
    )


def _missing(client: Client, name: str) -> ConfigurationError:
    names = selectable(client)
    more = ", ..." if len(names) > _SHOWN else ""
    return ConfigurationError(
        f"There is no folder “{name}”.",
        code="folder.missing",
        field="folder",
        remedy=f"Choose one of: {', '.join(names[:_SHOWN])}{more}",
    )


def selectable(client: Client) -> list[str]:
    """Return the names of the folders that hold messages, in order."""
    return sorted(name for flags, _, name in client.list_folders() if rb"\noselect" not in {flag.lower() for flag in flags})


def exists(client: Client, name: str) -> bool:
    """Whether there is a folder of exactly this name; it may contain what LIST takes for a wildcard."""
    found = {each for _, _, each in client.list_folders("", name)}
    return name in found or (name.upper() == "INBOX" and "INBOX" in {each.upper() for each in found})


def make(client: Client, name: str) -> None:
    """Create a folder and subscribe to it, so that mail programs show it; one that is there already is fine."""
    try:
        client.create_folder(name)
    except IMAP4.abort:
        raise
    except IMAP4.error as error:
        if "ALREADYEXISTS" not in str(error) and not exists(client, name):
            raise
    try:
        client.subscribe_folder(name)
    except IMAP4.abort:
        raise
    except IMAP4.error:
        return  # some servers have no subscriptions


def resolve(client: Client, name: str) -> str:
    """Return the server's name of a folder that people write with slashes and without the server's prefix.

    ``Archive/2026`` is ``INBOX.Archive.2026`` on a server whose delimiter is a dot and where everything lies below INBOX.
    A folder that has the name as written is preferred.
    """
    if name.upper() == "INBOX":
        return "INBOX"
    prefix, delimiter = _personal_namespace(client)
    wanted = name.replace("/", delimiter) if delimiter else name
    if not wanted.upper().startswith(prefix.upper()):
        wanted = prefix + wanted
    return name if wanted == name or exists(client, name) else wanted


def _personal_namespace(client: Client) -> tuple[str, str]:
    """Return the prefix of one's own folders, and the delimiter."""
    personal = client.namespace().personal if client.has_capability("NAMESPACE") else None
    if personal:
        prefix, delimiter = personal[0]
        return prefix or "", delimiter or ""
    root = client.list_folders("", "")
    return "", (root[0][1] or b"").decode("ascii", "replace") if root else ""
