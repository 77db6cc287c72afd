"""The processors: what an inbox makes of a mail that nothing kept from becoming a record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from mailport_workspace.intake.verdict import Verdict
from mailport_workspace.processing.case import Case
from mailport_workspace.processing.processors import desk, export, other
from mailport_workspace.records.interface import RecordWork
from mailport_workspace.tenants.handling import Processor

__all__ = ["PROCESSORS"]

Process: TypeAlias = Callable[[RecordWork, Case], Awaitable[Verdict]]

PROCESSORS: Mapping[Processor, Process] = {
    Processor.INCIDENT: desk.process,
    Processor.PROBLEM: desk.process,
    Processor.OTHER: other.process,
    Processor.EXPORT_XML: export.process,
}
