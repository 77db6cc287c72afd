"""Names: of files, flags and folders. Pure functions.

The format: https://cr.yp.to/proto/maildir.html, its subfolders: https://www.courier-mta.org/imap/README.maildirquota.html
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import socket
import time

from mailport.errors import ConfigurationError

__all__ = ["digest", "flags_of", "folder_directory", "key_of", "new_name", "with_flag"]

INBOX = "INBOX"
SEEN = "S"

_INFO = ":2,"  # what follows are flags, one letter each, in ASCII order
_FLAGS = {"D": "\\Draft", "F": "\\Flagged", "P": "$Forwarded", "R": "\\Answered", "S": "\\Seen", "T": "\\Deleted"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_serial = itertools.count(1)


def key_of(name: str) -> str:
    """Return the part of a file's name that stays when its flags change, as text that any database takes."""
    return name.partition(":")[0].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def flags_of(name: str) -> frozenset[str]:
    """Return the flags in a file's name, in IMAP's words."""
    return frozenset(_FLAGS[letter] for letter in name.partition(_INFO)[2] if letter in _FLAGS)


def with_flag(name: str, flag: str) -> str:
    """Return a file's name with one flag more."""
    base, _, letters = name.partition(_INFO)
    return f"{base.partition(':')[0]}{_INFO}{''.join(sorted({*letters, flag}))}"


def digest(message_id: str) -> str:
    """Return what stands for a Message-ID in the name of its file, so that it is found without opening any."""
    return hashlib.sha256(message_id.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def new_name(message_id: str) -> str:
    """Return a name that no other delivery has: time, process, number, digest, host."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    host = socket.gethostname().replace("/", r"\057").replace(":", r"\072") or "localhost"
    return f"{seconds}.M{nanoseconds // 1000:06}P{os.getpid()}Q{next(_serial)}I{digest(message_id)}.{host}"


def folder_parts(folder: str) -> tuple[str, ...]:
    """Return the names of a folder and those above it: ``Archive/2026`` or ``Archive.2026``; none for the inbox itself."""
    if folder.upper() == INBOX:
        return ()
    parts = tuple(re.split(r"[/.]", folder))
    if _CONTROL.search(folder) or not all(part.strip() for part in parts):
        shown = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", folder)[:100]
        raise ConfigurationError(
            f"“{shown}” is no folder.",
            code="folder.name",
            field="folder",
            remedy="Write a name such as Archive or Archive/2026.",
        )
    return parts


def folder_directory(folder: str) -> str:
    """Return the directory of a folder in its Maildir, empty for the inbox."""
    return "".join(f".{_modified_utf7(part)}" for part in folder_parts(folder))


def _modified_utf7(name: str) -> str:
    """Return a folder's name as IMAP servers write it on disk (RFC 3501 section 5.1.3)."""
    return re.sub(r"[^\x20-\x7e]+|&", lambda run: _shifted(run[0]), name)


def _shifted(run: str) -> str:
    if run == "&":
        return "&-"
    # In UTF-7 such a run is "+base64-" or "+base64"; a plus sign cannot be in it, for it is ASCII.
    return "&" + run.encode("utf-7").decode("ascii").strip("+-").replace("/", ",") + "-"
