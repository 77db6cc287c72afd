"""Attach Conversation ID: a mail carries what its reply is recognised by, in the subject or in the body (SND-16 to SND-18)."""

from __future__ import annotations

import re
from html import escape

from mailport.account import Account
from mailport.content import Composed
from mailport.message import Message
from mailport.policies import Policy, Stage
from mailport.policies.bodytext import body_text
from mailport.policies.conversation_ids import written
from mailport.policies.quoting import split_quoted
from mailport.policies.sealed import is_sealed
from mailport.rules import ConversationIdLocation, ConversationIdStyle, OutgoingRules

__all__ = ["AttachConversationId"]


class AttachConversationId(Policy):
    """Puts ``Message.conversation_id`` where the account says, and nowhere else; a mail that has none gets none.

    In the body it is a line at the end of the plain text, and in HTML a line or, in the quiet style, a comment. A message
    that has only HTML gets a plain text, which needs the extra ``mailport[html]``. Signed and encrypted mail is left alone:
    its replies are recognised by their In-Reply-To.
    """

    name = "conversation_id"
    stage = Stage.CONTENT
    realises = frozenset({"attach_conversation_id"})

    def apply(self, message: Message, account: Account) -> Message:
        """Return the message with its id in the one place, or as it is."""
        rules = account.rules
        if not isinstance(rules, OutgoingRules) or not message.conversation_id or is_sealed(message):
            return message
        label = written(message.conversation_id, rules.conversation_id_prefix)
        subject = _without(message.subject, message.conversation_id, label)
        if not rules.attach_conversation_id:
            return _changed(message, subject)
        if rules.conversation_id_location is ConversationIdLocation.SUBJECT:
            return _changed(message, f"{subject} [{label}]".strip())
        quiet = rules.conversation_id_style is ConversationIdStyle.QUIET
        return _changed(message, subject, text=_text_with(message, label), html=_html_with(message.html, label, quiet=quiet))


def _changed(message: Message, subject: str, text: str | None = None, html: str | None = None) -> Message:
    content = message.content
    if text is not None and html is not None and (text, html) != (message.text, message.html):
        content = Composed(text=text, html=html, attachments=message.attachments)
    if subject == message.subject and content is message.content:
        return message
    return message.replace(subject=subject) if content is message.content else message.replace(subject=subject, content=content)


def _without(subject: str, conversation_id: str, label: str) -> str:
    """Take the id out of a subject that a reply took over, whatever prefix it was issued with."""
    own = rf"\s*\[(?:{re.escape(label)}|[^\[\]]{{0,60}}{re.escape(conversation_id)}\s*)\]"
    return re.sub(own, "", subject, flags=re.IGNORECASE).strip() if conversation_id.lower() in subject.lower() else subject


def _text_with(message: Message, label: str) -> str:
    """Put the id below what was written, above the signature and the history: many clients cut both off in a reply."""
    text = body_text(message)
    end = _written_until(text, is_reply=bool(message.in_reply_to))
    above, below = text[:end].rstrip("\n"), text[end:].strip("\n")
    if above.endswith(label):
        return text
    return "\n\n".join(filter(None, (above, label, below))) + "\n"


def _written_until(text: str, *, is_reply: bool) -> int:
    end = len(text)
    split = split_quoted(text) if is_reply else None
    if split and split.quoted and split.typed in text:  # the history stands below, in one piece
        end = text.index(split.typed) + len(split.typed)
    signature = text.find("\n-- \n", 0, end)
    return end if signature < 0 else signature


def _html_with(html: str, label: str, *, quiet: bool) -> str:
    mark = f"<!-- {escape(label)} -->" if quiet else f"<p>{escape(label)}</p>"
    if not html or mark in html:
        return html
    end = max(html.rfind("</body"), html.rfind("</BODY"))
    return f"{html[:end]}{mark}{html[end:]}" if end >= 0 else html + mark
