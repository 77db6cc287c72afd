"""One mail address, checked before anything is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import getaddresses

from mailport.errors import ConfigurationError, UnsupportedFeature

__all__ = ["Address", "parse_list"]

# CR, LF and NUL would end a command or a header (SEC-05); the rest of C0, C1, the line separators
# and half a surrogate pair, which JSON can carry and nothing can encode, have no business here.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ADDR_SPEC = re.compile(r'(?:"(?:[^"\\]|\\.)+"|[^\s"<>()\[\]:;@\\,]+)@(?:[^\s"<>()\[\]:;@\\,]+|\[[^\s\[\]]+\])')
MAX_LENGTH = 320  # 64 octets of local part, "@", 255 octets of domain: RFC 5321 section 4.5.3.1


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox (``local@domain``) and the name shown for it.

    Raises ``ConfigurationError`` (``address.invalid``) for anything that is not one mailbox, and for control characters.
    """

    mailbox: str
    display_name: str = ""

    def __post_init__(self) -> None:
        if CONTROL.search(self.mailbox) or CONTROL.search(self.display_name):
            raise _invalid(self.mailbox, "contains a control character or a line break")
        if len(self.mailbox) > MAX_LENGTH or not _ADDR_SPEC.fullmatch(self.mailbox):
            raise _invalid(self.mailbox, "is not a mail address")
        object.__setattr__(self, "display_name", self.display_name.strip())

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``name <local@domain>`` or ``local@domain``."""
        addresses = parse_list(text)
        if len(addresses) != 1:
            raise _invalid(text, "is not one mail address")
        return addresses[0]

    @property
    def local_part(self) -> str:
        """What stands before the last ``@``."""
        return self.mailbox.rpartition("@")[0]

    @property
    def domain(self) -> str:
        """What stands after the last ``@``."""
        return self.mailbox.rpartition("@")[2]

    @property
    def ascii_mailbox(self) -> str:
        """The mailbox with its domain as A-labels, so that only a non-ASCII local part needs SMTPUTF8.

        Needs the extra ``mailport[idna]`` where the domain is not ASCII; raises ``ConfigurationError`` for a bad domain.
        """
        if self.domain.isascii():
            return self.mailbox
        return f"{self.local_part}@{_to_a_labels(self)}"

    def __str__(self) -> str:
        if not self.display_name:
            return self.mailbox
        return f'"{self.display_name}" <{self.mailbox}>'


def parse_list(text: str) -> tuple[Address, ...]:
    """Read a list of addresses separated by commas, or by semicolons as some clients write them."""
    if CONTROL.search(text):
        raise _invalid(text, "contains a control character or a line break")
    if _ADDR_SPEC.fullmatch(text.strip()):  # the usual case; Python 3.13 also refuses address literals
        return (Address(text.strip()),)
    pairs = getaddresses([_commas_for_semicolons(text)]) if text.strip() else []
    if not all(mailbox for _, mailbox in pairs):
        raise _invalid(text, "is not a list of mail addresses")
    return tuple(Address(mailbox, name) for name, mailbox in pairs)


def _commas_for_semicolons(text: str) -> str:
    if ";" not in text or ":" in text:  # a colon opens an RFC 5322 group, whose semicolon closes it
        return text
    pieces = re.split(r'("(?:[^"\\]|\\.)*")', text)
    return "".join(piece if piece.startswith('"') else piece.replace(";", ",") for piece in pieces).rstrip(", ")


def _to_a_labels(address: Address) -> str:
    try:
        import idna  # noqa: PLC0415 - an extra, needed for few addresses
    except ImportError as error:
        raise UnsupportedFeature(
            f"The address {address.mailbox} has an international domain.",
            code="address.idna_missing",
            remedy="Install mailport[idna], or give the domain in its ASCII form (xn--...).",
        ) from error
    try:
        return idna.encode(address.domain, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise _invalid(address.mailbox, "has a domain that is no valid international name") from error


def _invalid(text: str, why: str) -> ConfigurationError:
    shown = CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)[:100]
    return ConfigurationError(f"“{shown}” {why}.", code="address.invalid", remedy="Write it as name@example.org.")
