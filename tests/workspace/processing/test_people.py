"""Who writes, and who may open a record."""

from secrets import token_urlsafe

import pytest

from mailport_workspace.tables import Outcome, Quarantined, Role, now
from tests.workspace.processing.conftest import ANN, codes, mail


async def _people(desk):
    async with desk.world.store.read(desk.tenant) as rows:
        return await rows.people()


@pytest.fixture
async def linking(desk):
    """A desk that links senders, and makes people of one domain."""
    await desk.handle(link_person=True, permitted_domains=["customer.example.org"])
    await desk.options(default_unit="Customers")
    return desk


async def test_a_known_sender_is_linked(linking):  # INB-10
    """The address is compared without regard to case."""
    person = await linking.know()
    verdict = await linking.receive(mail(sender="Ann <Ann@Customer.example.org>"))
    assert (await linking.record(verdict.record)).person_id == person
    assert len(await _people(linking)) == 1


async def test_an_unknown_sender_of_a_permitted_domain_is_made(linking):  # INB-11
    """In the default organisational unit, inactive, and linked."""
    verdict = await linking.receive(mail(sender=f"Ann Ash <{ANN}>"))
    (person,) = await _people(linking)
    assert (person.email, person.name, person.unit, person.active) == (ANN, "Ann Ash", "Customers", False)
    assert (await linking.record(verdict.record)).person_id == person.id


@pytest.mark.parametrize("sender", ["eve@elsewhere.example.org", "eve@customer.example.org.evil.example", "e@org"])
async def test_nobody_is_made_of_a_domain_that_is_not_permitted(linking, sender):  # INB-12
    """The record is made without a person."""
    verdict = await linking.receive(mail(sender=sender))
    assert (verdict.outcome, (await linking.record(verdict.record)).person_id) == (Outcome.CREATED, None)
    assert await _people(linking) == []
    assert "person.domain" in codes(verdict)


async def test_an_unknown_sender_opens_no_record_where_the_option_is_off(desk):  # INB-13
    """One entry of the log says why."""
    verdict = await desk.receive(mail())
    assert await desk.all_records() == []
    assert codes(verdict).count("person.unknown_sender") == 1


@pytest.mark.parametrize(("strict", "outcome", "waits"), [(False, Outcome.QUARANTINED, 1), (True, Outcome.IGNORED, 0)])
async def test_such_a_mail_waits_in_quarantine(desk, strict, outcome, waits):  # INB-14
    """Unless strict compatibility is set: then it is in the journal only."""
    await desk.options(strict_compatibility=strict)
    await desk.receive(mail())
    async with desk.world.store.read(desk.tenant) as rows:
        assert len(await rows.quarantine()) == waits
    assert (await desk.mail()).outcome is outcome


async def test_a_mail_that_a_person_released_becomes_a_record(desk):
    """Nothing that keeps strangers out keeps it out."""
    await desk.tab("ignored_subjects", "printer")
    await desk.receive(mail("Other"))
    received = await desk.stage(mail("Printer").to_bytes())
    async with desk.world.store.write(desk.tenant) as rows:
        await rows.add(
            Quarantined(journal_id=received.journal_id, code="x", reason="x", released_at=now(), decision="released")
        )
    await desk.processing.process(received, desk.settle(received))
    assert desk.verdicts[-1].outcome is Outcome.CREATED


async def test_users_of_the_tenant_are_no_strangers(desk):
    """An agent writes to the desk."""
    agent = {"email": "agent@example.test", "name": "Agent", "role": Role.AGENT, "password": token_urlsafe(16)}
    await desk.world.users.create(desk.world.one, **agent)
    assert (await desk.receive(mail(sender="agent@example.test"))).outcome is Outcome.CREATED


@pytest.mark.parametrize("head", [b"", b"From: \r\n", b"From: <>\r\n", b"From: nobody\r\n", b"From: \xff\xfe\x00@\r\n"])
@pytest.mark.parametrize(("links", "outcome"), [(True, Outcome.CREATED), (False, Outcome.QUARANTINED)])
async def test_a_mail_without_sender_is_handled_as_the_inbox_says(desk, head, links, outcome):  # INB-16
    """It never stops the processing."""
    await desk.handle(link_person=links, permitted_domains=["customer.example.org"])
    verdict = await desk.receive(head + b"Subject: x\r\nMessage-ID: <x@example.org>\r\n\r\ntext\r\n")
    assert (verdict.outcome, await _people(desk)) == (outcome, [])
