"""Which conversation a mail continues: by the id that we gave it, else by the mails it answers (SND-20, SND-21, MAT-11)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from itertools import dropwhile

from mailport.message import Message
from mailport.policies import Recogniser, Stage
from mailport.policies.conversation_ids import find_ids, reference_of
from mailport.policies.html_lines import html_lines
from mailport.policies.quoting import split_quoted
from mailport.rules import RecognitionRules

__all__ = ["Conversation", "ConversationRecogniser"]


@dataclass(frozen=True, slots=True)
class Conversation:
    """What ties a mail to earlier ones: our id, or nothing; the record's ``reference`` in it, or nothing.

    ``message_ids`` are the mails it answers, the nearest first. Ids and references are compared without regard to case.
    """

    reason: str
    id: str = ""
    reference: str = ""
    message_ids: tuple[str, ...] = ()


class ConversationRecogniser(Recogniser):
    """Looks for an id of ours in the subject, the text and the HTML, and at In-Reply-To and References."""

    name = "conversation"
    stage = Stage.CONTENT

    def recognise(self, message: Message, rules: RecognitionRules) -> Conversation | None:
        """Return the conversation, or None for a mail that begins one."""
        message_ids = _answered(message)
        for place, found in (("subject", _in_subject), ("text", _in_text), ("HTML", _in_html)):
            if conversation_id := found(message, rules):
                reason = f"conversation id in the {place}"
                return Conversation(reason, conversation_id, reference_of(conversation_id), message_ids)
        return Conversation(f"answers {message_ids[0]}", message_ids=message_ids) if message_ids else None


def _answered(message: Message) -> tuple[str, ...]:
    nearest_first = (message.in_reply_to, *reversed(message.references))
    return tuple(dict.fromkeys(filter(None, nearest_first)))[:_MOST_ANSWERED]


def _in_subject(message: Message, rules: RecognitionRules) -> str:
    return _first(message.subject, rules)


def _in_text(message: Message, rules: RecognitionRules) -> str:
    return _in_body(message.text[:_LIMIT], rules)


def _in_html(message: Message, rules: RecognitionRules) -> str:
    return _in_body(html_lines(message.html[:_LIMIT]), rules) if rules.conversation_secrets else ""


_LIMIT = 1_000_000  # characters: beyond them no reply begins
_MOST_ANSWERED = 100  # a host looks each of them up
_LONGEST_HEADER = 1_000  # characters above a quoted mail that are looked at


def _first(text: str, rules: RecognitionRules) -> str:
    return next(find_ids(text, rules.conversation_prefixes, rules.conversation_secrets), "")


def _in_body(text: str, rules: RecognitionRules) -> str:
    """Look at what was written, then at the mail that was answered, if it was ours; what that one quotes is another matter."""
    first = partial(_first, rules=rules)
    if not first(text):
        return ""
    split = split_quoted(text)
    header, answered = _top(split.quoted)
    return first(split.typed) or (first(split_quoted(answered).typed) if _may_be_ours(header, rules) else "")


_MARK = re.compile(r"\s{0,3}> ?")
_DIVIDER = re.compile(r"\s*(?:[-_=]{5,}.{0,60})?\s*$")


def _top(quoted: str) -> tuple[str, str]:
    """Return what stands above a quoted mail, and that mail without one level of quote marks."""
    lines = list(dropwhile(_DIVIDER.fullmatch, quoted.split("\n")))
    size = 0
    for line in lines:
        if _MARK.match(line) or not line.strip():
            break
        size += 1
        if line.rstrip().endswith((":", "\uff1a")) and not _LABEL.fullmatch(line):
            break
    return "\n".join(lines[:size]), "\n".join(_MARK.sub("", line, count=1) for line in lines[size:])


_LABEL = re.compile(r"\W{0,3}[\w ]{1,20}\W{0,2}:\W{0,2}")  # a line of a header that has no value
_MAILBOX = re.compile(r"[^\s<>()\[\]\"':;,]+@[^\s<>()\[\]\"':;,]+")


def _may_be_ours(header: str, rules: RecognitionRules) -> bool:
    """Whether the first address above a quoted mail, its author's, is ours; many clients show only a name."""
    author = _MAILBOX.search(header[:_LONGEST_HEADER])
    own = {address.lower() for address in rules.own_addresses}
    domains = {domain.lower() for domain in rules.own_domains}
    if author is None or not own | domains:
        return True
    mailbox = author.group().lower().rstrip(".")
    return mailbox in own or mailbox.rpartition("@")[2] in domains
