"""A desk: one tenant with an enabled inbox, to which mails come that were stored before, as the poller does it."""

import hashlib
from dataclasses import dataclass, field

import pytest

from mailport import Message
from mailport_workspace.intake.content import ReadMail
from mailport_workspace.intake.settle import write_verdict
from mailport_workspace.intake.verdict import Received
from mailport_workspace.processing.process import Processing
from mailport_workspace.queries.records import RecordFilter
from mailport_workspace.records.embedded import EmbeddedRecords
from mailport_workspace.tables import (
    IntakeEntry,
    IntakeState,
    JournalEntry,
    MailDirection,
    Outcome,
    Person,
    RawMessage,
    Tab,
    new_id,
    now,
)
from mailport_workspace.tenants.options import Options
from mailport_workspace.tenants.tabs import Tabs
from tests.workspace.forms import imap

ANN = "ann@customer.example.org"
DESK = "desk@example.test"


@dataclass
class Desk:
    """What a test does at a desk, and what it finds there afterwards."""

    world: object
    processing: Processing
    records: EmbeddedRecords
    inbox: str = ""
    journal: str = ""
    verdicts: list = field(default_factory=list)

    @property
    def tabs(self):
        """The tabs of the tenant."""
        return Tabs(self.world.store, self.records)

    @property
    def tenant(self):
        return self.world.one.tenant

    async def handle(self, **changes):
        """Change what the inbox does with its mail."""
        await self.world.inboxes.save(self.world.one, self.inbox, changes)

    async def know(self, email=ANN):
        """Make a person known; return the id."""
        person = Person(id=new_id(), email=email, name="Ann", active=True)
        async with self.world.store.write(self.tenant) as rows:
            await rows.add(person)
        return person.id

    async def stage(self, raw, *, inbox=None, **more):
        """Store a mail as a poll does; return what processing is given."""
        stored = RawMessage(id=new_id(), content=raw, size=len(raw), sha256=hashlib.sha256(raw).hexdigest())
        entry = JournalEntry(
            id=new_id(), direction=MailDirection.INCOMING, outcome=Outcome.RECEIVED, raw_id=stored.id,
            inbox_id=inbox or self.inbox, inbox_name="Desk", **ReadMail.of(raw).columns, **more,
        )  # fmt: skip
        async with self.world.store.write(self.tenant) as rows:
            await rows.add(stored, entry)
            await rows.add(IntakeEntry(journal_id=entry.id, inbox_id=entry.inbox_id, state=IntakeState.CLAIMED, attempts=1))
        self.journal = entry.id
        return Received(
            tenant=self.tenant, journal_id=entry.id, inbox_id=entry.inbox_id, raw_id=stored.id, message=Message.read(raw)
        )

    async def receive(self, mail, *, inbox=None):
        """Let a mail come in and be processed; return the verdict."""
        received = await self.stage(mail if isinstance(mail, bytes) else mail.to_bytes(), inbox=inbox)
        await self.processing.process(received, self.settle(received))
        return self.verdicts[-1]

    def settle(self, received):
        """Return what writes the verdict of a mail."""

        async def settle(rows, verdict):
            self.verdicts.append(verdict)
            entry = await rows.intake_entry(received.journal_id)
            await write_verdict(rows, await rows.in_hand(entry.id), verdict, lambda inbox, mailbox: "leave", now())

        return settle

    async def mail(self, journal=""):
        """Return the history of a mail, the last one's without an id."""
        async with self.world.store.read(self.tenant) as rows:
            return await rows.journal_entry(journal or self.journal)

    async def sent(self, record, *to, message_id="<sent@example.test>", conversation_id="", **more):
        """Have a mail of a record in the journal that was sent; return its id."""
        entry = JournalEntry(
            id=new_id(), direction=MailDirection.OUTGOING, message_id=message_id, sender=DESK, recipients=list(to),
            record_type=record.type, record_id=record.id, record_number=record.number, conversation_id=conversation_id,
            sent=True, **more,
        )  # fmt: skip
        async with self.world.store.write(self.tenant) as rows:
            await rows.add(entry)
        return entry.id

    async def options(self, **form):
        """Change settings of the tenant."""
        await Options(self.world.store).save(self.world.one, form)

    async def tab(self, tab, word, meaning=""):
        """Add a row to a tab."""
        return await self.tabs.add(self.world.one, Tab(tab), word, meaning)

    async def fail(self, mail, error):
        """Let the processing of a mail fail for the last time."""
        received = await self.stage(mail.to_bytes())
        await self.processing.failed(received, error, self.settle(received))
        return self.verdicts[-1]

    async def all_records(self, kind=""):
        """Return the records, the newest first."""
        async with self.world.store.read(self.tenant) as rows:
            return await rows.records(RecordFilter(type=kind))

    async def make(self, kind, **fields):
        """Make a record by hand."""
        async with self.records.work(self.tenant) as work:
            made = await work.create(kind, {"subject": "Made", **fields}, key=new_id())
            await work.settle(_nothing)
        return made

    async def history(self, record):
        """Return the history of a record."""
        async with self.world.store.read(self.tenant) as rows:
            return await rows.activities(record.id)

    async def files(self, record):
        """Return the files of a record."""
        async with self.world.store.read(self.tenant) as rows:
            return await rows.record_attachments(record.id)

    async def record(self, record):
        """Return a record as it is by now."""
        async with self.world.store.read(self.tenant) as rows:
            return await rows.record(record.id)


async def _nothing(rows):
    pass


def mail(subject="Printer is broken", text="It smokes.", *, sender=ANN, **more):
    """Return a mail to the desk."""
    return Message.compose(sender=sender, to=DESK, subject=subject, text=text, **more)


def codes(verdict):
    """Return the codes of the steps."""
    return [step.code for step in verdict.steps if step.code]


@pytest.fixture
async def desk(world, mailport, ring):
    """A desk whose inbox makes incidents, for people whom it knows."""
    records = EmbeddedRecords(world.store)
    made = Desk(world, Processing(world.store, mailport, ring, records), records)
    made.inbox = await world.inboxes.create(world.one, imap(enabled=True))
    return made
