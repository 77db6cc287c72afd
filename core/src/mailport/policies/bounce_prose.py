"""Bounces that are prose: what qmail, Exim, Postfix, Exchange, Gmail and others write where no report is.

flufl.bounce reads more such dialects, but tells addresses only, neither codes nor the mail concerned; the benchmark
compares with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from mailport.errors import UnsupportedFeature
from mailport.message import Message
from mailport.policies.automatic import has_null_return_path
from mailport.policies.bodytext import body_text
from mailport.policies.reports import message_id_in
from mailport.policies.senders import is_machine
from mailport.policies.subject_words import is_failure_notice
from mailport.rules import RecognitionRules

__all__ = ["Prose", "ProseRecipient", "read_prose"]

_READ = 100_000
"""Characters that are read: what a server has to say comes first, the returned mail after it."""


@dataclass(frozen=True, slots=True)
class ProseRecipient:
    """A recipient, the code and the explanation that stand beside it."""

    address: str
    status: str
    text: str


@dataclass(frozen=True, slots=True)
class Prose:
    """What a server wrote; ``final`` is false for a warning about a delay."""

    reason: str
    recipients: tuple[ProseRecipient, ...]
    original_message_id: str
    final: bool


# How each server begins, in its own words.
_DIALECTS = (
    ("qmail", r"this is the qmail-send program"),
    ("Exim", r"this message was created automatically by mail delivery software"),
    ("Postfix", r"this is the (?:mail system|postfix program) at host"),
    ("Sendmail", r"-{3,40} the following addresses had (?:permanent fatal|transient non-fatal) (?:errors|delivery)"),
    ("Gmail", r"\*\* (?:address not found|adresse nicht gefunden|delivery incomplete|message (?:blocked|not delivered))"),
    ("Gmail", r"delivery to the following recipients? (?:failed permanently|has been delayed)"),
    ("Exchange", r"delivery has failed to these recipients or (?:groups|distribution lists)"),
    ("Exchange", r"fehler bei der nachrichtenzustellung an folgende empfänger"),
    ("Exchange", r"échec de la remise (?:pour|à) ces destinataires"),
    ("Exchange", r"no se pudo entregar el mensaje a estos destinatarios"),
    ("Exchange", r"recapito non riuscito a questi destinatari"),
    ("Exchange", r"kan niet worden bezorgd bij de(?:ze)? volgende (?:geadresseerden|ontvangers)"),
    ("Exchange", r"nie można dostarczyć wiadomości do (?:tych|następujących) adresatów"),
    ("Exchange", r"did not reach the following recipient"),
    ("Exchange", r"this is an automatically generated delivery status notification"),
    ("Microsoft 365", r"your message to \S+ couldn.t be delivered"),
    ("Yahoo", r"sorry, we were unable to deliver your message to the following address"),
    ("Domino", r"your message\s+subject: .{0,300}\s+was not delivered to:"),
)
_OPENINGS = [(server, re.compile(words, re.IGNORECASE)) for server, words in _DIALECTS]
_DELAY = re.compile(
    r"has not yet been delivered|this is a warning only|will (?:keep )?re?try|delivery incomplete|has been delayed"
    r"|transient non-fatal",
    re.IGNORECASE,
)
_MAIL_CONCERNED = re.compile(
    r"^(?:-{2,40}.{0,40}(?:this is a copy of|below this line is|original message|unsent message|returned message).{0,60}"
    r"|(?:original message headers|ursprüngliche nachrichtenkopfzeilen|en-têtes de message d.origine):?)\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_ADDRESS = r"[^\s<>()\[\]:;,@\"']{1,64}@[A-Za-z0-9.-]{1,255}[A-Za-z0-9]"
# "<bob@example.org>:" of qmail and Postfix, "  bob@example.org" of Exim, a quoted one of GMX, "bob@example.org
# (bob@example.org)" and "bob@example.org on Mon, ..." of Exchange.
_RECIPIENT_LINE = re.compile(rf"[ \t]*[<\"]?({_ADDRESS})[>\"]?(?:[ \t]*$|:|[ \t]+\(|[ \t]+on )")
_ANY_ADDRESS = re.compile(_ADDRESS)
_ID_LINE = re.compile(r"^.{0,40}message-id\b.*$", re.IGNORECASE | re.MULTILINE)
_REFUSAL = re.compile(r"(?<![\d.])(?:5\d\d[ -]|5\.\d{1,3}\.\d{1,3}(?!\.?\d))")
_STATUS = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?!\.?\d)")


def read_prose(message: Message, rules: RecognitionRules) -> Prose | None:
    """Return what a server says in ``message``, or None where nothing shows that a server wrote it."""
    text = _text(message)
    said = text[: concerned.start()] if (concerned := _MAIL_CONCERNED.search(text)) else text
    reason = _reason(message, said)
    if not reason:
        return None
    returned = text[concerned.end() :] if concerned else ""
    original = message_id_in(returned) or message_id_in(said) or message.in_reply_to or next(reversed(message.references), "")
    return Prose(reason, tuple(_recipients(message, said, rules)), original, not _DELAY.search(said))


def _text(message: Message) -> str:
    with suppress(UnsupportedFeature):  # without the extra for HTML the headers still tell
        return body_text(message)[:_READ]
    return ""


def _reason(message: Message, said: str) -> str:
    """Name the sign of a server. What people quote or forward is not enough: the sender or a header must fit too."""
    mark = _mark(message)
    by_daemon = message.sender is not None and is_machine(message.sender)
    by_server = by_daemon or message.sender is None or message.sender.local_part.lower() == "postmaster"
    if not (mark or by_server or has_null_return_path(message)):
        return ""
    server = next((server for server, opening in _OPENINGS if opening.search(said)), "")
    if server or mark:
        return f"a bounce in the words of {server}" if server else mark
    refused = bool(_REFUSAL.search(said) and _ANY_ADDRESS.search(said))
    if is_failure_notice(message.subject) and (by_server or refused):  # an absence notice also has the null return path
        return f"Subject: {message.subject[:80]}"
    return f"From: {message.sender.mailbox}, with a code and an address" if by_daemon and refused and message.sender else ""


def _mark(message: Message) -> str:
    """Name the header by which a server marks its bounces."""
    marks = ("X-Failed-Recipients", "X-MS-Exchange-Message-Is-Ndr")  # Exim and Gmail; Exchange, where it is empty
    return next((mark for mark in marks for name, _ in message.headers if name.lower() == mark.lower()), "")


def _recipients(message: Message, said: str, rules: RecognitionRules) -> Iterator[ProseRecipient]:
    """Yield each recipient once: those that a header names, then those of lines of their own, else any address."""
    own = {address.lower() for address in (*rules.own_addresses, *(one.mailbox for one in (*message.to, *message.cc)))}
    explained = {address.lower(): (address, text) for address, text in _explanations(said)}
    named = _ANY_ADDRESS.findall(message.header("X-Failed-Recipients")) or [address for address, _ in explained.values()]
    any_other = [address for address in _ANY_ADDRESS.findall(_ID_LINE.sub("", said)) if not is_own_or_server(address, own)]
    candidates = {address.lower(): address for address in named or any_other[:1] if address.lower() not in own}
    for key, address in candidates.items():
        text = explained.get(key, ("", ""))[1] or (said if len(candidates) == 1 else "")
        code = _STATUS.search(text)
        yield ProseRecipient(address, code.group(1) if code else "", " ".join(text.split())[:1000])


def is_own_or_server(address: str, own: set[str]) -> bool:
    """Whether an address in a bounce is that of the sender, or of the server that wrote it."""
    return address.lower() in own or address.lower().startswith(("postmaster@", "mailer-daemon@"))


def _explanations(said: str) -> Iterator[tuple[str, str]]:
    """Yield the recipients that begin a line, each with the lines up to the next one."""
    current, lines = "", list[str]()
    for line in said.splitlines():
        match = _RECIPIENT_LINE.match(line)
        if match and match.group(1).lower() != current.lower():
            if current:
                yield current, "\n".join(lines)
            current, lines = match.group(1), []
        lines.append(line[match.end() :] if match else line)
    if current:
        yield current, "\n".join(lines)
