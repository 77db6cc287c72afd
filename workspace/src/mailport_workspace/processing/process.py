"""Processing: a staged mail becomes a record, part of one, or waits for a person. The only place here that does I/O.

Recognise -> gates and rules -> which record -> processor -> settle. What a mail contains never raises: it decides the verdict.
What raises (the database, a record store elsewhere) can help when it is tried again.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict, dataclass, replace
from functools import partial

from mailport import Mailport
from mailport.errors import ConfigurationError, NotFound
from mailport.policies.keywords import KeywordReply
from mailport.policies.templates import BodyRecords
from mailport_workspace.intake.verdict import Received, Settle, StepNote, Verdict
from mailport_workspace.observing.context import working_on
from mailport_workspace.processing.about import TenantSettings, read_case, read_settings
from mailport_workspace.processing.bounced import process_bounce
from mailport_workspace.processing.case import Case, stored_text
from mailport_workspace.processing.earlier import read_correspondents, read_earlier
from mailport_workspace.processing.failures import failure_record
from mailport_workspace.processing.fieldlines import concerned
from mailport_workspace.processing.gates import gate, is_bounce
from mailport_workspace.processing.processors import PROCESSORS
from mailport_workspace.processing.processors.export import document_of
from mailport_workspace.processing.xml import Imported, read_records, transform
from mailport_workspace.records.interface import RecordRef, RecordStore, RecordWork
from mailport_workspace.sealing import KeyRing
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import StepState
from mailport_workspace.tenants.handling import Processor
from mailport_workspace.tenants.incoming_rules import first_fitting
from mailport_workspace.webhooks.events import Event
from mailport_workspace.webhooks.tell import tell

__all__ = ["Processing"]

_KNOWN = "processing.known"
_LARGE = 64 * 1024
"""Bytes of a mail from which on it is looked at beside the event loop."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is read once for the mails of a poll, or of a later batch."""

    settings: TenantSettings
    records: RecordStore


class Processing:
    """Decides what becomes of received mail, for all tenants."""

    def __init__(self, store: Store, mailport: Mailport, ring: KeyRing, records: RecordStore) -> None:
        self._store = store
        self._mailport = mailport
        self._ring = ring
        self._records = records

    async def process(self, received: Received, settle: Settle) -> None:
        """Process one mail; ``settle`` writes the verdict in the transaction in which its records are made."""
        with working_on(tenant=received.tenant, inbox=received.inbox_id, message=received.journal_id):
            try:
                await self._process(received, settle)
            except ConfigurationError as error:
                if error.code != "store.conflict":
                    raise
                await self._process(received, settle)  # somebody made the same thing at the same moment: now it is there

    async def failed(self, received: Received, error: BaseException, settle: Settle) -> None:
        """End a mail whose processing failed for the last time: an incident tells of it, unless the tenant wants none."""
        with working_on(tenant=received.tenant, inbox=received.inbox_id, message=received.journal_id):
            known = await self._known(received)
            async with self._store.read(received.tenant) as rows:
                case = await read_case(rows, received, known.settings)
            try:
                await self._fail(case, error, settle)
            except (ConfigurationError, NotFound) as second:  # nothing may keep a failed mail from being parked
                case.note("record", f"no incident was made: {second}", state=StepState.FAILED, code=second.code)
                await self._fail(replace(case, options=case.options.model_copy(update=_NO_INCIDENT)), error, settle)

    async def _fail(self, case: Case, error: BaseException, settle: Settle) -> None:
        records = (await self._known(case.received)).records
        async with records.work(case.received.tenant) as work:
            verdict = await failure_record(work, case, error)
            await work.settle(partial(_finish, settle, verdict))
        _tell(verdict)

    async def _process(self, received: Received, settle: Settle) -> None:
        known = await self._known(received)
        async with self._store.read(received.tenant) as rows:
            case = await read_case(rows, received, known.settings)
            await self._recognise(case)
            case.earlier = await read_earlier(rows, case)
        await self._look_around(case, known.records)
        if case.handling.processor is Processor.EXPORT_XML and case.handling.import_connection:
            case.imported = await _transformed(case)
        async with known.records.work(received.tenant) as work:
            verdict = replace(await _decide(work, case), conversation_id=_conversation_id(case))
            await work.settle(partial(_finish, settle, verdict))
        _tell(verdict)

    async def _known(self, received: Received) -> _Known:
        """Return what the tenant says, read once for mails that come together."""
        known = received.shared.get(_KNOWN)
        if not isinstance(known, _Known):
            async with self._store.read(received.tenant) as rows:
                settings = await read_settings(rows, self._ring)
            known = _Known(settings, await self._records.for_batch(received.tenant))
            received.shared[_KNOWN] = known
        return known

    async def _recognise(self, case: Case) -> None:
        """Look at the mail; a large one would keep the event loop for too long."""
        if case.entry.size > _LARGE:
            await asyncio.to_thread(self._look_at, case)
        else:
            self._look_at(case)

    def _look_at(self, case: Case) -> None:
        case.findings = self._mailport.recognise(case.message, case.rules)
        case.text = stored_text(case.message, case.findings, case.options)
        case.rule = first_fitting(case.incoming_rules, case.message, text=case.text, size=case.entry.size)
        case.note("recognise", "; ".join(f"{name}: {getattr(found, 'reason', '')}" for name, found in case.findings.items()))

    async def _look_around(self, case: Case, records: RecordStore) -> None:
        """Read who takes part in the records that the mail may change."""
        if case.finding("keyword", KeywordReply) is None and case.finding("template", BodyRecords) is None:
            return
        async with records.work(case.received.tenant) as work:  # not settled: it only looks
            found = await concerned(work, replace(case, steps=[]))
        async with self._store.read(case.received.tenant) as rows:
            took_part = {record.id: await read_correspondents(rows, record) for record in found}
        case.earlier = replace(case.earlier, correspondents=took_part)


async def _transformed(case: Case) -> tuple[Imported, ...] | ConfigurationError:
    """Return the records that the tenant's stylesheet makes of the mail, or why it makes none."""
    name = case.handling.import_connection
    if case.stylesheet is None:
        return ConfigurationError(f"There is no import connection “{name}”.", code="xml.no_connection")
    try:
        return read_records(await transform(document_of(case), case.stylesheet))
    except ConfigurationError as error:
        return error


_NO_INCIDENT = {"incident_on_failure": False}


async def _decide(work: RecordWork, case: Case) -> Verdict:
    """Name the stages: gates, reports about mail of ours, the processor of the inbox."""
    stopped = gate(case)
    if stopped is not None:
        return stopped
    if is_bounce(case) and not case.is_released:
        return await process_bounce(work, case)
    return await PROCESSORS[case.handling.processor](work, case)


async def _finish(settle: Settle, verdict: Verdict, rows: TenantRows) -> None:
    """Write the verdict; other systems are told of a bounce by the mail that it concerns."""
    await settle(rows, verdict)
    if verdict.bounced:
        record = asdict(RecordRef(type=ref.type, id=ref.id, number=ref.number)) if (ref := verdict.record) else None
        await tell(rows, Event.MAIL_BOUNCED, {"reason": verdict.last_error, "journal_id": verdict.related_id, "record": record})


def _conversation_id(case: Case) -> str:
    return str(getattr(case.findings.get("conversation"), "id", ""))


def _tell(verdict: Verdict) -> None:
    """Log what became of the mail, and every step that did not end well (LOG-01)."""
    troubles = [_said(step) for step in verdict.steps if step.state is not StepState.DONE and step.code]
    _log.info("%s%s", verdict.outcome, f": {'; '.join(troubles)}" if troubles else "")


def _said(step: StepNote) -> str:
    return f"{step.step} ({step.code}) {step.text}"
