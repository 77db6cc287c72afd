"""What an account of the memory protocol is made of."""

from __future__ import annotations

from typing import Literal

from mailport.fields import Capabilities, MailAddress, ProtocolFields, Secret, Settings, setting

__all__ = ["EVERYTHING", "MemoryIncoming", "MemorySettings", "protocol"]

EVERYTHING = Capabilities(folders=True, mark_read=True, lookup=True, local=True)
"""What the memory protocol can do unless a test takes something away."""


class MemorySettings(Settings):
    """An account of a ``MemoryMail``."""

    authentication: Literal["plain"] = setting("plain", label="Authentication", choices={"plain": "Plain"})
    user_name: MailAddress = setting(label="User Name", placeholder="name@example.org", binds=True)
    password: Secret = setting(label="Password", min_length=1)


class MemoryIncoming(MemorySettings):
    """The same, with the folder to read."""

    folder: str = setting("INBOX", label="Folder")


def protocol(capabilities: Capabilities = EVERYTHING) -> ProtocolFields:
    """Return the declaration of the protocol."""
    return ProtocolFields(
        key="memory",
        title="Memory",
        outgoing=(MemorySettings,),
        incoming=(MemoryIncoming,),
        capabilities=capabilities,
    )
