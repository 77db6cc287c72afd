"""The policies that come with the core, registered through the same door as anybody's."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING

from mailport.hookspecs import hookimpl

if TYPE_CHECKING:
    from mailport.policies import Policy, Recogniser

_OURS = {
    "block": "Block",
    "override": "Override",
    "images": "Images",
    "conversation": "AttachConversationId",
    "marking": "MarkAutomatic",
    "threads": "ConversationRecogniser",
    "automatic": "AutomaticRecogniser",
    "bounce": "BounceRecogniser",
    "complaints": "ComplaintRecogniser",
    "keywords": "KeywordRecogniser",
    "reply": "ReplyRecogniser",
    "senders": "SenderRecogniser",
    "subjects": "SubjectRecogniser",
    "templates": "TemplateRecogniser",
    "truncate": "TruncateRecogniser",
    "winmail": "WinmailRecogniser",
}


@hookimpl
def mailport_policies() -> Iterable[Policy | Recogniser]:
    """Contribute the rules that every protocol shares."""
    for module, name in _OURS.items():  # imported when first asked for: discovery stays cheap
        yield getattr(import_module(f"mailport.policies.{module}"), name)()
