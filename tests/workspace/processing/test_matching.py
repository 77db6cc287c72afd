"""Which record a mail concerns."""

import pytest

from mailport.policies.conversation_ids import new_conversation_id, written
from mailport_workspace.records.interface import RecordView
from mailport_workspace.tables import Outcome, OutsideNumber
from mailport_workspace.tenants.conversation_secrets import signing_secret
from tests.workspace.forms import imap
from tests.workspace.processing.conftest import ANN, DESK, codes, mail


@pytest.fixture
async def known(desk):
    """A desk that knows the sender."""
    await desk.know()
    return desk


async def _issued(desk, record):
    """Issue a conversation id for a record, and have it in the journal."""
    async with desk.world.store.write(desk.tenant) as rows:
        made = new_conversation_id(await signing_secret(rows, desk.world.ring), record.number)
    await desk.sent(record, ANN, conversation_id=made)
    return made


async def test_a_mapped_word_and_an_existing_id_update_that_record(known):  # MAT-01, MAT-02
    """No other record is made; the word Incident is mapped from the beginning."""
    record = await known.make("incident")
    verdict = await known.receive(mail(f"Incident {record.number}"))
    assert (verdict.outcome, verdict.record.id) == (Outcome.ATTACHED, record.id)
    assert len(await known.all_records()) == 1
    assert [entry.journal_id for entry in await known.history(record) if entry.kind == "mail_in"] == [known.journal]


async def test_a_further_word_works_from_the_next_poll_on(known):  # MAT-03
    """Before it is mapped, the same subject opens a new incident."""
    record = await known.make("problem")
    assert (await known.receive(mail(f"Trouble {record.number}"))).outcome is Outcome.CREATED
    await known.tab("object_names", "Trouble", "problem")
    assert (await known.receive(mail(f"Trouble {record.number}"))).record.id == record.id


@pytest.mark.parametrize("kind", ["incident", "task", "approval"])
async def test_an_incident_inbox_honours_its_own_family(known, kind):  # MAT-04
    """Ids of incidents, tasks and approvals, whatever the option says about others."""
    await known.options(all_mapped_objects=False)
    if kind != "incident":
        await known.tab("object_names", kind.title(), kind)
    record = await known.make(kind, **({"approver": ANN} if kind == "approval" else {}))
    assert (await known.receive(mail(f"RE: {kind} {record.number}"))).record.id == record.id


@pytest.mark.parametrize(("honours", "outcome"), [(False, Outcome.CREATED), (True, Outcome.ATTACHED)])
async def test_an_id_of_another_type_is_honoured_by_an_option(known, honours, outcome):  # MAT-05
    """Without it the mail becomes a new incident."""
    await known.options(all_mapped_objects=honours)
    await known.tab("object_names", "Change", "change")
    change = await known.make("change")
    verdict = await known.receive(mail(f"Change {change.number}"))
    assert (verdict.outcome, verdict.record.type) == (outcome, "change" if honours else "incident")


async def test_another_object_is_looked_up_by_its_unique_key(known):  # MAT-06
    """The id in the subject is compared with the field that the inbox names."""
    await known.handle(processor="other", record_type="change", unique_key="category")
    await known.tab("object_names", "Change", "change")
    change = await known.make("change", category="NET-77")
    assert (await known.receive(mail("Change NET-77"))).record.id == change.id
    assert (await known.receive(mail(f"Change {change.number}"))).outcome is Outcome.CREATED


async def test_an_unknown_id_opens_a_record_of_the_inbox(known):  # MAT-07
    """The step says that nothing was found."""
    verdict = await known.receive(mail("Incident 4711"))
    assert (verdict.outcome, verdict.record.type, "match.none" in codes(verdict)) == (Outcome.CREATED, "incident", True)


async def _request(desk):
    """Make a service request, in which the sender takes part."""
    await desk.tab("object_names", "Request", "service_request")
    made = await desk.make("service_request")
    await desk.sent(made, ANN)
    return made


async def test_pairs_in_the_body_update_a_service_request(known):  # MAT-08
    """They win over the id in the subject, without them that one counts, and without a match a new incident is made."""
    wanted, other = await _request(known), await known.make("service_request")
    pairs = f"Number :: {wanted.number}\nPriority :: High\n"
    verdict = await known.receive(mail(f"Request {other.number}", pairs))
    assert (verdict.outcome, verdict.record.id) == (Outcome.UPDATED, wanted.id)
    assert (await known.record(wanted)).fields["priority"] == "High"
    by_subject = await known.receive(mail(f"Request {wanted.number}", "no pairs"))
    assert (by_subject.outcome, by_subject.record.id) == (Outcome.ATTACHED, wanted.id)
    unknown = await known.receive(mail("Request 9999", "Number :: 8888\n"))
    assert (unknown.outcome, unknown.record.type) == (Outcome.CREATED, "incident")
    assert [entry.journal_id for entry in await known.history(unknown.record) if entry.journal_id] == [known.journal]


@pytest.mark.parametrize("subject", ["RE: FW: Incident  {0}", "AW: [EXT] incident #{0}: x", "Re[2]: INCIDENT: {0}"])
async def test_prefixes_and_spaces_do_not_hinder(known, subject):  # MAT-09
    """Whatever mail programs put before it."""
    record = await known.make("incident")
    assert (await known.receive(mail(subject.format(record.number)))).record.id == record.id


@pytest.mark.parametrize(
    ("rule", "outcome", "records"),
    [("attach", Outcome.ATTACHED, 1), ("new_record", Outcome.CREATED, 2), ("park", Outcome.QUARANTINED, 1)],
)
async def test_mail_for_a_record_that_has_ended_is_kept(known, rule, outcome, records):  # MAT-10
    """It is linked, makes a new record, or is parked and linked, as the tenant says; the record stays as it is."""
    await known.options(final_state=rule)
    record = await known.make("incident")
    await _close(known, record)
    verdict = await known.receive(mail(f"Incident {record.number}"))
    assert (verdict.outcome, len(await known.all_records())) == (outcome, records)
    linked = [entry.journal_id for entry in await known.history(verdict.record) if entry.kind == "mail_in"]
    assert (linked, (await known.record(record)).state) == ([known.journal], "closed")


async def _close(desk, record):
    async with desk.records.work(desk.tenant) as work:
        await work.update(record, {}, key="close", state="closed")
        await work.settle(_nothing)


async def _nothing(_rows):
    pass


async def test_a_conversation_id_wins_over_an_id_in_the_subject(known):  # MAT-11, SND-20
    """The reply belongs to the record whose mail it answers, whatever else the subject names."""
    mine, other = await known.make("incident"), await known.make("incident")
    mark = written(await _issued(known, mine), "")
    verdict = await known.receive(mail(f"Re: Incident {other.number} [{mark}]"))
    assert (verdict.record.id, (await known.mail()).conversation_id) == (mine.id, mark.removeprefix("Ref:"))


async def test_the_mails_that_are_answered_count_where_nothing_else_does(known):  # MAT-11
    """In-Reply-To, else the nearest of the References that belongs to a record; an id in the subject wins."""
    first, second = await known.make("incident"), await known.make("incident")
    await known.sent(first, ANN, message_id="<one@example.test>")
    answer = {"in_reply_to": "<gone@example.test>", "references": ("<one@example.test>", "<gone@example.test>")}
    assert (await known.receive(mail("Re: x", **answer))).record.id == first.id
    assert (await known.receive(mail(f"Re: Incident {second.number}", **answer))).record.id == second.id


@pytest.mark.parametrize("change", [str.upper, str.lower, str])
async def test_a_conversation_id_is_found_whatever_gateways_make_of_its_case(known, change):  # SND-20
    """In the text as in the subject."""
    record = await known.make("incident")
    mark = written(await _issued(known, record), "")
    assert (await known.receive(mail("Re: x", f"Thanks.\n\n{change(mark)}\n"))).record.id == record.id


async def test_an_id_whose_mail_is_purged_still_names_its_record(known):
    """Its reference is signed with it."""
    record = await known.make("problem")
    async with known.world.store.write(known.tenant) as rows:
        made = new_conversation_id(await signing_secret(rows, known.world.ring), record.number)
    assert (await known.receive(mail(f"Re: x [{written(made, '')}]"))).record.id == record.id


async def test_an_id_of_another_tenant_is_nothing(known):
    """It was signed with the secret of somebody else."""
    async with known.world.store.write(known.world.two.tenant) as rows:
        made = new_conversation_id(await signing_secret(rows, known.world.ring), "INC000001")
    await known.make("incident")
    assert (await known.receive(mail(f"Re: x [{written(made, '')}]"))).outcome is Outcome.CREATED


async def test_ids_with_a_former_prefix_are_recognised(known):  # SND-21
    """A client folded the id, so that only its prefix tells where it begins: the prefix of long ago still does."""
    for prefix in ("Case:", "Ticket:", ""):
        await known.world.configurations.save(known.world.one, {"conversation_id_prefix": prefix})
    record = await known.make("incident")
    made = await _issued(known, record)
    folded = f"{made[:-10]} {made[-10:]}"
    for prefix in ("Case:", "Ticket:", "Ref:"):
        verdict = await known.receive(mail("Re: x", f"[{prefix}{folded}]", message_id=f"<{prefix[:-1]}@example.org>"))
        assert verdict.record.id == record.id


@pytest.mark.parametrize("subject", ["Re: [JIRA-99] done", "jira-99: done", "Fwd: done (JIRA-99)"])
async def test_a_number_of_another_system_names_our_record(known, subject):  # PLS-09
    """Compared without regard to case, with whatever stands around it."""
    record = await known.make("incident")
    number = OutsideNumber(number="jira-99", record_type=record.type, record_id=record.id)
    async with known.world.store.write(known.tenant) as rows:
        await rows.add(number)
    assert (await known.receive(mail(subject))).record.id == record.id
    assert (await known.receive(mail("JIRA-990 is another one"))).outcome is Outcome.CREATED


@pytest.mark.parametrize(
    ("sender", "may"), [(ANN, True), (f"Ann <{ANN.upper()}>", True), ("eve@elsewhere.example.org", False), (DESK, False)]
)
async def test_only_who_takes_part_changes_fields(known, sender, may):  # MAT-12
    """Who got or wrote mail of the record; a stranger's mail is attached all the same. A setting opens it to anybody."""
    request = await _request(known)
    pairs = f"Number :: {request.number}\nCategory :: Network\n"
    verdict = await known.receive(mail("x", pairs, sender=sender))
    assert (verdict.record.id, (await known.record(request)).fields.get("category") == "Network") == (request.id, may)
    await known.options(updates_from="anybody")
    await known.receive(mail("y", pairs.replace("Network", "Printer"), sender=sender))
    assert (await known.record(request)).fields["category"] == "Printer"


async def test_the_person_of_a_record_may_change_it(known):  # MAT-12
    """Whom it is linked to."""
    await known.handle(processor="other", record_type="change", link_person=True, unique_key="category")
    first = await known.receive(mail("x", "Subject :: A\nCategory :: NET-1\n"))
    second = await known.receive(mail("y", "Category :: NET-1\nSubject :: B\n"))
    assert (first.record.id, second.outcome) == (second.record.id, Outcome.UPDATED)
    assert isinstance(first.record, RecordView)
    assert (await known.record(first.record)).title == "B"


async def test_another_inbox_of_the_tenant_finds_the_same_record(known):
    """A reply may come to any of them."""
    sales = await known.world.inboxes.create(known.world.one, imap(name="Sales", user_name="sales@example.test", enabled=True))
    record = await known.make("incident")
    mark = written(await _issued(known, record), "")
    assert (await known.receive(mail(f"Re: x [{mark}]"), inbox=sales)).record.id == record.id
