"""Conversation ids: what a reply is recognised by (SND-17 to SND-21).

An id is 20 letters and digits of base32 (RFC 4648): 48 random bits, and 48 bits of a signature by the tenant's secret over them
and the record's reference. The reference, where there is one, stands before them: ``INC42-MZXW6YTBOI2DGNBTGQ2A``. Nothing in it
depends on the case of letters, and nothing needs to be escaped in a URL.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32decode, b32encode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from secrets import token_bytes

from mailport.errors import ConfigurationError

__all__ = ["PREFIX", "find_ids", "is_ours", "new_conversation_id", "reference_of", "written"]

PREFIX = "Ref:"
"""What stands before an id where the account names nothing else."""

_HALF = 6  # octets
_LENGTH = 20
_SHORTEST_SECRET = 16
_REFERENCE = r"[A-Za-z0-9][A-Za-z0-9_.~-]{0,39}"
_TOKEN = rf"[A-Za-z2-7]{{{_LENGTH}}}"


def new_conversation_id(secret: bytes, reference: str = "") -> str:
    """Return a fresh id, signed with the tenant's ``secret`` of at least 16 bytes.

    With ``reference`` the id tells the record by itself: letters, digits, ``-``, ``.``, ``_`` and ``~``, at most 40, the
    first a letter or digit. Without one the host keeps which record an id was issued for.
    """
    if len(secret) < _SHORTEST_SECRET:
        raise ConfigurationError("The secret for conversation ids is shorter than 16 bytes.", code="conversation.secret")
    if reference and not re.fullmatch(_REFERENCE, reference):
        raise ConfigurationError(
            f"“{reference[:60]}” cannot stand in a conversation id.",
            code="conversation.reference",
            remedy="Use at most 40 letters, digits, hyphens, dots and underscores, or no reference.",
        )
    random = token_bytes(_HALF)
    token = b32encode(random + _signature(secret, random, reference)).decode().rstrip("=")
    return f"{reference}-{token}" if reference else token


def is_ours(conversation_id: str, secrets: Iterable[bytes]) -> bool:
    """Whether the id was signed with one of the secrets."""
    reference, _, token = conversation_id.rpartition("-")
    with suppress(ValueError):
        octets = b32decode(token + "=" * (-len(token) % 8))
        random, signature = octets[:_HALF], octets[_HALF:]
        is_canonical = b32encode(octets).decode().rstrip("=") == token  # the last letter has bits that nobody reads
        return is_canonical and any(hmac.compare_digest(_signature(one, random, reference), signature) for one in secrets)
    return False


def reference_of(conversation_id: str) -> str:
    """Return the record's reference in an id, or an empty string."""
    return conversation_id.rpartition("-")[0]


def written(conversation_id: str, prefix: str) -> str:
    """Return the id as it stands in a mail: after the prefix, which gets a space where it ends like a word."""
    prefix = prefix or PREFIX
    return f"{prefix}{' ' * prefix[-1].isalnum()}{conversation_id}"


def find_ids(text: str, prefixes: Sequence[str], secrets: Sequence[bytes]) -> Iterator[str]:
    """Yield the ids in ``text`` that one of the secrets signed, in its order; a reference has the case that the mail has."""
    text = _INSIDE_WORDS.sub("", text)
    pattern, at = _pattern(tuple(prefixes)), 0
    while secrets and (found := pattern.search(text, at)):
        token = re.sub(r"[\s>]", "", found["gapped"] or found["token"]).upper()
        conversation_id = (found["reference"] or found["other_reference"] or "") + token
        at = found.start() + 1
        if is_ours(conversation_id, secrets):
            at = found.end()
            yield conversation_id


def _signature(secret: bytes, random: bytes, reference: str) -> bytes:
    """Sign; gateways that change the case of a subject change that of a reference too."""
    return hmac.digest(secret, b"mailport conversation\0" + random + reference.lower().encode(), "sha256")[:_HALF]


# Soft line breaks of a text that was encoded twice, and marks that say where a word may be broken.
_INSIDE_WORDS = re.compile(r"=\r?\n|[\u00ad\u200b\u2060\ufeff]")
_GAP = r"[\s>]{0,4}"  # a fold that was not undone, quote marks


@lru_cache(maxsize=256)
def _pattern(prefixes: tuple[str, ...]) -> re.Pattern[str]:
    """Return what finds an id after a known prefix even with gaps in it, and an unbroken one anywhere."""
    known = "|".join(_mangled(prefix) for prefix in {*prefixes, PREFIX} if prefix.strip())
    letters = rf"(?:[A-Za-z2-7]{_GAP}){{{_LENGTH - 1}}}[A-Za-z2-7]"
    gapped = rf"(?:{known}){_GAP}(?P<reference>(?:{_REFERENCE}-)?){_GAP}(?P<gapped>{letters})"
    whole = rf"(?<![A-Za-z0-9])(?P<other_reference>(?:{_REFERENCE}-)?)(?P<token>{_TOKEN})(?![A-Za-z0-9])"
    return re.compile(f"{gapped}|{whole}", re.IGNORECASE)


def _mangled(prefix: str) -> str:
    """Return an expression for a prefix with its spaces and colons as clients write them."""
    words = (re.escape(word).replace(":", r"\s?(?::|\uff1a|=3A)") for word in prefix.split())
    return _GAP.join(words)
