"""Mail that no rule may change: a signature would break, and what is encrypted cannot be read."""

from __future__ import annotations

from mailport.message import Message

__all__ = ["is_sealed"]

# RFC 1847, and the enveloping forms of S/MIME (RFC 8551 section 3.2).
_SEALED = ("multipart/signed", "multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")


def is_sealed(message: Message) -> bool:
    """Whether the message was read from bytes that are signed or encrypted as a whole."""
    return message.original is not None and message.header("Content-Type").strip().lower().startswith(_SEALED)
