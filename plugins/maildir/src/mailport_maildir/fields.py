"""The settings of Maildir."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from mailport.fields import Capabilities, MailAddress, ProtocolFields, Settings, setting

__all__ = ["PROTOCOL", "MaildirIncoming", "MaildirSettings"]

# Control characters, the separators of other systems, and the colon that begins the flags in a file's name.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\\:]")
_OWN_NAMES = frozenset({"new", "cur", "tmp"})
MAX_LENGTH = 200


def _relative_name(value: str) -> str:
    """Accept a relative path whose parts are ordinary names; a leading dot is a subfolder of a Maildir, or ``..``."""
    parts = value.split("/")
    if len(value) > MAX_LENGTH or _FORBIDDEN.search(value):
        raise _refused("is too long, or has a control character, a backslash or a colon in it.")
    if not all(parts) or any(part.startswith((".", " ")) or part.endswith(" ") for part in parts):
        raise _refused("must be a relative name such as “inbox” or “team/inbox”, without “..” and empty parts.")
    if _OWN_NAMES.intersection(parts):
        raise _refused("must not contain “new”, “cur” or “tmp”: these are the insides of a Maildir.")
    return value


def _refused(said: str) -> PydanticCustomError:
    return PydanticCustomError("directory", "{said}", {"said": said})


def _folder_name(value: str) -> str:
    from mailport_maildir.wire import folder_parts  # noqa: PLC0415 - needed only when a form is filled in

    folder_parts(value)
    return value


class MaildirSettings(Settings):
    """A Maildir below the folder that the operator sets aside."""

    authentication: Literal["none"] = setting("none", label="Authentication", choices={"none": "None"})
    directory: Annotated[str, AfterValidator(_relative_name)] = setting(
        label="Directory", help="A name below the folder that the operator set aside for mail.", placeholder="inbox", binds=True
    )
    user_name: MailAddress = setting(
        label="User Name", help="The address of the account.", placeholder="name@example.org", binds=True
    )


class MaildirIncoming(MaildirSettings):
    """The same, with the folder to read."""

    folder: Annotated[str, AfterValidator(_folder_name)] = setting("INBOX", label="Folder", min_length=1)


PROTOCOL = ProtocolFields(
    key="maildir",
    title="Maildir",
    outgoing=(MaildirSettings,),
    incoming=(MaildirIncoming,),
    capabilities=Capabilities(folders=True, mark_read=True, lookup=True, local=True),
)
