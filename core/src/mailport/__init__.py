"""mailport: the way a Python application sends and receives mail through whatever mail system each customer has.

Everything public is here; modules are imported when first used, so that discovering plugins stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mailport.account import Account
    from mailport.address import Address
    from mailport.content import Attachment
    from mailport.diagnosis import Report
    from mailport.egress import EgressPolicy
    from mailport.errors import (
        AuthenticationFailed,
        ConfigurationError,
        MailportError,
        NotFound,
        PermissionDenied,
        PluginError,
        Refused,
        Throttled,
        TimedOut,
        TransportError,
        Uncertain,
        Unreachable,
        UnsupportedFeature,
    )
    from mailport.events import Event, EventKind
    from mailport.fields import ComponentType, Direction, ProtocolFields
    from mailport.host import Mailport
    from mailport.message import AutoSubmitted, Message
    from mailport.poll import Round
    from mailport.receipt import Receipt, RecipientResult, Status
    from mailport.replying import reply
    from mailport.rules import RecognitionRules
    from mailport.session import SessionLimits
    from mailport.transport import Action, ActionKind, Delivery

__all__ = [
    "Account",
    "Action",
    "ActionKind",
    "Address",
    "Attachment",
    "AuthenticationFailed",
    "AutoSubmitted",
    "ComponentType",
    "ConfigurationError",
    "Delivery",
    "Direction",
    "EgressPolicy",
    "Event",
    "EventKind",
    "Mailport",
    "MailportError",
    "Message",
    "NotFound",
    "PermissionDenied",
    "PluginError",
    "ProtocolFields",
    "Receipt",
    "RecipientResult",
    "RecognitionRules",
    "Refused",
    "Report",
    "Round",
    "SessionLimits",
    "Status",
    "Throttled",
    "TimedOut",
    "TransportError",
    "Uncertain",
    "Unreachable",
    "UnsupportedFeature",
    "reply",
]

_HOMES = {
    "account": ("Account",),
    "address": ("Address",),
    "content": ("Attachment",),
    "diagnosis": ("Report",),
    "egress": ("EgressPolicy",),
    "events": ("Event", "EventKind"),
    "fields": ("ComponentType", "Direction", "ProtocolFields"),
    "host": ("Mailport",),
    "message": ("AutoSubmitted", "Message"),
    "poll": ("Round",),
    "replying": ("reply",),
    "receipt": ("Receipt", "RecipientResult", "Status"),
    "rules": ("RecognitionRules",),
    "session": ("SessionLimits",),
    "transport": ("Action", "ActionKind", "Delivery"),
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    from importlib import import_module  # noqa: PLC0415 - what follows is rare

    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"mailport.{_MODULES.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
