"""The records that the workspace keeps itself."""

import asyncio

import pytest

from mailport.errors import MailportError
from mailport_workspace.records.embedded import EmbeddedRecords
from mailport_workspace.records.interface import AttachedMail, RecordRef
from mailport_workspace.tables import ActivityKind, Tab, TabRow, now
from mailport_workspace.tenants.options import Options
from mailport_workspace.webhooks.webhooks import Webhooks


@pytest.fixture
def records(store):
    return EmbeddedRecords(store)


async def nothing_more(_rows):
    """Settle."""


async def create(records, tenant, key, kind="incident", **fields):
    async with records.work(tenant) as work:
        view = await work.create(kind, {"subject": "Printer", **fields}, key=key)
        await work.settle(nothing_more)
    return view


async def update(records, tenant, record, **wish):
    async with records.work(tenant) as work:
        view = await work.update(record, wish.pop("fields", {}), **wish)
        await work.settle(nothing_more)
    return view


async def test_a_record_counts_only_once_its_work_is_settled(records, world):
    """Work that ends without `settle` leaves nothing, and its number is given again."""
    tenant = world.one.tenant
    async with records.work(tenant) as work:
        lost = await work.create("incident", {"subject": "Lost"}, key="a")
    kept = await create(records, tenant, "b")
    async with records.work(tenant) as work:
        assert await work.get("incident", lost.id) is None
        assert (await work.find("incident", kept.number.lower())) == kept
    assert lost.number == kept.number


async def test_the_record_and_what_its_maker_writes_are_one_transaction(records, world):
    """What the caller cannot write undoes the record; after the work is settled nothing more is done in it."""
    tenant = world.one.tenant
    with pytest.raises(MailportError, match="same name or key"):
        async with records.work(tenant) as work:
            lost = await work.create("incident", {"subject": "Lost"}, key="a")
            await work.settle(lambda rows: rows.add(*(TabRow(tab=Tab.SENDERS, word="twice") for _ in range(2))))
    async with records.work(tenant) as work:
        assert await work.get("incident", lost.id) is None
        await work.settle(nothing_more)
        with pytest.raises(RuntimeError):
            await work.create("incident", {"subject": "Late"}, key="b")


async def test_works_at_once_give_every_number_once_and_leave_no_gap(records, world):
    """Twenty records made at once have the numbers 1 to 20; another type and another tenant begin anew."""
    made = await asyncio.gather(*(create(records, world.one.tenant, f"k{n}") for n in range(20)))
    assert sorted(view.number for view in made) == [f"INC{n:06d}" for n in range(1, 21)]
    assert (await create(records, world.one.tenant, "t", kind="task")).number == "TSK000001"
    assert (await create(records, world.two.tenant, "k0")).number == "INC000001"


async def test_the_same_key_at_once_makes_one_record(records, world):
    """Work that is done twice at the same moment makes one record, and leaves no gap in the numbers."""
    made = await asyncio.gather(*(create(records, world.one.tenant, "same") for _ in range(8)))
    assert len({view.id for view in made}) == 1
    assert (await create(records, world.one.tenant, "other")).number == "INC000002"


async def test_changes_at_once_are_all_kept(records, world):
    """Each changes its own field of the same record; none undoes another."""
    made = await create(records, world.one.tenant, "k")
    fields = {"priority": "High", "category": "toner", "description": "It burns", "assignee": "ann@example.test"}
    wishes = [{name: value} for name, value in fields.items()]
    await asyncio.gather(*(update(records, world.one.tenant, made, fields=each, key=str(each)) for each in wishes))
    async with records.work(world.one.tenant) as work:
        assert (await work.get("incident", made.id)).fields == {"subject": "Printer", **fields}


async def test_the_same_change_or_mail_at_once_is_entered_once(records, world):
    """Two workers on one mail leave one entry."""
    made = await create(records, world.one.tenant, "k")
    mail = AttachedMail(
        journal_id="j", kind=ActivityKind.MAIL_IN, sender="ann@example.test", subject="Printer", text="It burns.", at=now()
    )
    await asyncio.gather(*(_work_on(records, world.one.tenant, made, mail) for _ in range(5)))
    async with world.store.read(world.one.tenant) as rows:
        entries = [entry.kind for entry in await rows.activities(made.id)]
    assert sorted(entries) == [ActivityKind.CHANGED, ActivityKind.CREATED, ActivityKind.MAIL_IN]


async def _work_on(records, tenant, record, mail):
    async with records.work(tenant) as work:
        await work.update(record, {}, key="u", state="assigned")
        await work.attach(record, mail)
        await work.settle(nothing_more)


async def test_one_address_at_once_is_one_person(records, world):
    """In the tenant's default organisational unit."""
    await Options(world.store).save(world.one, {"default_unit": "Guests"})

    async def make(spelling):
        async with records.work(world.one.tenant) as work:
            made = await work.create_person(spelling, "Ann")
            await work.settle(nothing_more)
        return made

    people = await asyncio.gather(*(make(word) for word in ("Ann@example.test", "ANN@example.test", "ann@Example.test") * 3))
    assert len({person.id for person in people}) == 1
    async with world.store.read(world.one.tenant) as rows:
        assert (await rows.person(people[0].id)).unit == "Guests"


async def test_a_mail_stands_in_the_history_of_record_and_person(records, world):  # INB-09
    """Once in each, with its text."""
    tenant = world.one.tenant
    made = await create(records, tenant, "k")
    mail = AttachedMail(journal_id="j", kind=ActivityKind.MAIL_IN, sender="a@b.test", subject="S", text="It burns.", at=now())
    async with records.work(tenant) as work:
        ann = await work.create_person("ann@example.test", "Ann")
        await work.attach(made, mail, person=ann.id)
        await work.settle(nothing_more)
    async with world.store.read(tenant) as rows:
        for entries in (await rows.activities(made.id), await rows.activities_of_person(ann.id)):
            assert [entry.text for entry in entries if entry.journal_id == "j"] == ["It burns."]


async def test_digits_alone_are_a_number_too(records, world):
    """People write 1 for INC000001; each type has its own."""
    made = await create(records, world.one.tenant, "k")
    async with records.work(world.one.tenant) as work:
        assert await work.find("incident", "1") == made
        assert await work.find("incident", "000001") == made
        assert await work.find("problem", "1") is None
        assert await work.find("incident", "٣") is None


async def test_a_reason_stands_in_history_and_field(records, world):
    """Where the type has a field for it (TAB-07)."""
    made = await create(records, world.one.tenant, "k", kind="task")
    changed = await update(
        records, world.one.tenant, made, key="u", state="rejected", reason="No time.", author="ann@example.test"
    )
    assert (changed.state, changed.fields["reason"]) == ("rejected", "No time.")
    async with world.store.read(world.one.tenant) as rows:
        entry = (await rows.activities(made.id))[-1]
    assert (entry.text, entry.author, entry.changes["state"]) == ("No time.", "ann@example.test", ["new", "rejected"])


async def test_nobody_touches_the_records_of_another_tenant(records, world):
    """Not by id, not by number, not to attach something."""
    made = await create(records, world.one.tenant, "k")
    mail = AttachedMail(journal_id="j", kind=ActivityKind.NOTE, sender="", subject="", text="", at=now())
    async with records.work(world.two.tenant) as work:
        assert await work.get("incident", made.id) is None
        assert await work.find("incident", made.number) is None
        for change in (work.update(made, {}, key="u", state="closed"), work.attach(made, mail)):
            with pytest.raises(MailportError):
                await change


async def test_a_record_is_of_the_type_that_is_named(records, world):
    """An id with another type names nothing."""
    made = await create(records, world.one.tenant, "k")
    async with records.work(world.one.tenant) as work:
        with pytest.raises(MailportError) as caught:
            await work.update(RecordRef(type="task", id=made.id, number=made.number), {}, key="u", state="accepted")
    assert caught.value.code == "store.missing"


async def test_other_systems_hear_of_records(records, world, policy):
    """In the transaction that makes or changes them; a change of nothing tells nothing."""
    form = {"name": "Hook", "url": "https://example.org/", "events": ["record.created", "record.updated"]}
    hook = await Webhooks(world.store, world.ring, policy).create(world.one, form)
    made = await create(records, world.one.tenant, "k")
    await update(records, world.one.tenant, made, key="a", fields={"category": "toner"})
    await update(records, world.one.tenant, made, key="b", fields={"category": "toner"})
    async with world.store.read(world.one.tenant) as rows:
        told = sorted(await rows.deliveries(hook.id, after=None, limit=9), key=lambda row: row.event)
    assert [row.event for row in told] == ["record.created", "record.updated"]
    assert told[0].payload["record"] == {"type": "incident", "id": made.id, "number": made.number}
    assert told[1].payload["changes"] == {"category": ["", "toner"]}
