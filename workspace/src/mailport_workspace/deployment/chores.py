"""The jobs of all rooms: of which kind, what they do, and for which keys they are due."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from mailport_workspace.engines import Job
from mailport_workspace.intake import poll, queue
from mailport_workspace.outbox import outbox
from mailport_workspace.store import OperatorRows
from mailport_workspace.tenants import connection_tests
from mailport_workspace.upkeep import upkeep
from mailport_workspace.webhooks import deliver
from mailport_workspace.workspace import Workspace

__all__ = ["Chore", "chores_of"]

Due: TypeAlias = Callable[[OperatorRows, datetime], Awaitable[Iterable[str]]]
"""Say for which keys a job is due at a moment."""


@dataclass(frozen=True, slots=True)
class Chore:
    """One kind of job. Every worker asks once a second for which keys it is ``due``."""

    kind: str
    run: Job
    due: Due


def chores_of(workspace: Workspace) -> tuple[Chore, ...]:
    """Return the jobs of a workspace."""
    return (
        Chore(
            connection_tests.KIND,
            workspace.connection_tests.run,
            lambda rows, at: rows.due_connection_tests(lost_before=at - connection_tests.LOST),
        ),
        Chore(outbox.JOB, workspace.outbox.drain, lambda rows, at: rows.due_outbox(at, lost_before=at - outbox.LOST)),
        Chore(poll.KIND, workspace.poller.poll_shard, lambda rows, at: rows.due_shards(at)),
        Chore(
            queue.KIND,
            workspace.intake.work,
            lambda rows, at: rows.due_intake(at, lost_before=workspace.intake.lost_before(at)),
        ),
        Chore(upkeep.KIND, workspace.upkeep.run, workspace.upkeep.due),
        Chore("webhooks", workspace.deliveries.deliver, lambda rows, at: rows.due_webhooks(at, lost_before=at - deliver.LEASE)),
    )
