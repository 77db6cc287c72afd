"""How queues are worked off (QUE-04)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from mailport.fields import setting
from mailport_workspace.tables import QueueHandler

__all__ = ["INCOMING", "HandlerSettings", "settings_of"]

INCOMING = "incoming"
"""The queue into which staged mail goes."""


class HandlerSettings(BaseModel):
    """The settings of one queue. A queue that nobody set up has the defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    queue: str = setting(label="Queue", min_length=1, max_length=100)
    active: bool = setting(True, label="Active", help="Mail waits in a queue that is not active.")
    batch_size: int = setting(20, label="Batch size", help="Mails that a worker takes at a time.", ge=1, le=500)
    priority: int = setting(0, label="Priority", help="Queues with a higher one come first.", ge=-1000, le=1000)
    timeout_minutes: int = setting(5, label="Timeout", help="Minutes that one mail may take.", ge=1, le=1440)
    attempts: int = setting(3, label="Attempts", help="After the last one the mail is parked.", ge=1, le=20)
    data_with_dispatch: bool = setting(
        False, label="Data with dispatch", help="The bytes of a batch are loaded with it, not mail by mail."
    )


def settings_of(queue: str, row: QueueHandler | None) -> HandlerSettings:
    """Return the settings of a queue."""
    if row is None:
        return HandlerSettings(queue=queue)
    return HandlerSettings(**{name: getattr(row, name) for name in HandlerSettings.model_fields})
