"""What an answer of the mail system, or none, means for a mail and for its account."""

from datetime import timedelta

import pytest

from mailport.errors import Unreachable
from mailport.hookspecs import hookimpl
from mailport.testing.memory import MemoryPlugin
from mailport.testing.memory.sender import MemorySender
from mailport_workspace.outbox.retry import RetryRules
from mailport_workspace.tables import OutboxState
from mailport_workspace.tenants.actor import Actor
from tests.peers.scripted_smtp import ScriptedSmtp
from tests.workspace.outbox.conftest import in_memory, smtp


async def test_a_failure_waits_and_is_counted(office, mail, clock):  # SND-23
    """A failure leaves Sent at N, tells the error and counts; success says Y and when."""
    mail.deferred.add("bob@example.test")
    submitted = await office.submit()
    await office.drain()
    journal, entry = await office.journal(submitted), await office.entry(submitted)
    assert (journal.sent, journal.attempts, entry.attempts, entry.state) == (False, 1, 1, OutboxState.QUEUED)
    assert "takes no recipient for now" in journal.last_error
    assert 50 < (entry.due_at - clock()).total_seconds() < 70
    mail.deferred.clear()
    clock.forward(seconds=70)
    await office.drain()
    journal = await office.journal(submitted)
    assert (journal.sent, journal.attempts, journal.last_error, journal.sent_at is None) == (True, 2, "", False)


async def test_tries_and_waits_are_settings(world, mail, clock):
    """A mail is tried as often as the settings say, at their waits, and then it has failed."""
    mail.deferred.add("bob@example.test")
    async with in_memory(world, mail, clock, rules=RetryRules(max_attempts=3, waits=(1, 10))) as office:
        submitted, waits = await office.submit(), []
        while await office.state(submitted) == "queued" and len(waits) < 9:
            await office.drain()
            waits.append(((await office.entry(submitted)).due_at - clock()).total_seconds() / 60)
            clock.forward(minutes=15)
        assert await office.state(submitted) == "failed"
        assert waits[:2] == [pytest.approx(1, rel=0.11), pytest.approx(10, rel=0.11)]
        assert len(await office.attempts(submitted)) == 3


async def test_the_defaults_are_those_that_are_documented():  # SND-27
    """Twelve tries: after 1, 2, 5, 10, 30 and 60 minutes, then every hour, each a tenth more or less."""
    rules, middle = RetryRules(), lambda low, high: (low + high) / 2
    assert rules.max_attempts == 12
    assert [rules.wait(attempt, middle) / 60 for attempt in range(1, 9)] == pytest.approx([1, 2, 5, 10, 30, 60, 60, 60])
    assert all(54 <= rules.wait(1) <= 66 for _ in range(50))


async def test_a_refusal_is_final(office, mail):
    """What is refused for good is not tried again by itself."""
    mail.refused.add("bob@example.test")
    submitted = await office.submit()
    await office.drain()
    assert await office.state(submitted) == "refused"
    assert (await office.attempts(submitted))[0][1] == {"bob@example.test": "refused"}
    assert await office.due() == []


async def test_retry_after_is_obeyed_to_the_second(office, mail, clock):  # REL-03
    """When the server says how long to wait, nothing leaves through the account before, and everything after."""
    clock.stop()
    mail.faults.throttle = 17.0
    submitted = [await office.submit(subject=str(number), due_at=clock()) for number in range(3)]
    await office.drain()
    assert (await office.account()).wait_until == clock() + timedelta(seconds=17)
    mail.faults.throttle = None
    later = await office.submit(subject="later", due_at=clock())
    clock.forward(seconds=16.999)
    assert await office.due() == []
    await office.drain()
    assert len(mail.accepted) == 0
    clock.forward(seconds=0.001)
    assert await office.due() == [office.actor.tenant]
    await office.drain()
    assert [await office.state(one) for one in (*submitted, later)] == ["sent"] * 4


async def test_refused_credentials_are_asked_once(office, mail, clock, world):  # REL-06
    """The first definite refusal stops the account, mails wait; transient faults never do; new settings let them leave."""
    right, mail.passwords["desk@example.test"] = mail.passwords["desk@example.test"], "changed"
    submitted = [await office.submit(subject=str(number)) for number in range(30)]
    await office.drain()
    assert (mail.failed_sign_ins, (await office.account()).circuit_code) == (1, "authentication.refused")
    for _ in range(3):
        clock.forward(days=1)
        await office.drain()
    assert (mail.failed_sign_ins, await office.due()) == (1, [])
    assert {await office.state(one) for one in submitted} == {"queued"}
    mail.passwords["desk@example.test"] = right
    await office.configure(protocol="memory", user_name="desk@example.test", password=right)
    assert await office.due() == [office.actor.tenant]
    await office.drain()
    assert {await office.state(one) for one in submitted} == {"sent"}
    assert (await office.account()).circuit_opened_at is None


@pytest.mark.parametrize("fault", [{"throttle": 5.0}, {"cut_before_handover": True}])
async def test_transient_faults_leave_the_circuit_closed(office, mail, fault):
    """A throttle or a cut connection asks nobody for other credentials, and the mail waits."""
    for name, value in fault.items():
        setattr(mail.faults, name, value)
    submitted = await office.submit()
    await office.drain()
    assert (await office.account()).circuit_opened_at is None
    assert await office.state(submitted) == "queued"


async def test_a_person_may_close_the_circuit(office, mail):
    """An administrator who mended the account at the server lets mail leave with the same settings."""
    right, mail.passwords["desk@example.test"] = mail.passwords["desk@example.test"], "locked"
    submitted = await office.submit()
    await office.drain()
    mail.passwords["desk@example.test"] = right
    assert await office.outbox.close_circuit(Actor.operator(office.actor.tenant))
    await office.drain()
    assert await office.state(submitted) == "sent"


async def test_mail_waits_for_an_account_that_is_not_filled_in(desk, clock, smtp_sink):
    """Without a usable account mail is queued, the reason stands with the account, and settings set it free."""
    submitted = await desk.submit()
    await desk.drain()
    assert (await desk.state(submitted), (await desk.account()).circuit_error != "") == ("queued", True)
    assert (await desk.entry(submitted)).attempts == 0
    await desk.configure(**smtp(smtp_sink.host, smtp_sink.port))
    await desk.drain()
    assert await desk.state(submitted) == "sent"


async def test_a_server_that_is_away_costs_few_attempts(desk, clock):
    """Where nobody answers, the account pauses: the other mails keep their attempts."""
    with ScriptedSmtp() as gone:
        await desk.configure(**smtp(gone.host, gone.port))
    submitted = [await desk.submit(subject=str(number)) for number in range(30)]
    await desk.drain()
    attempts = [(await desk.entry(one)).attempts for one in submitted]
    assert 1 <= sum(attempts) <= 5
    assert await desk.due() == []
    clock.forward(seconds=16)
    assert await desk.due() == [desk.actor.tenant]


async def test_what_cannot_be_expressed_is_refused_with_its_reason(office):
    """A mail that the protocol cannot carry stops nobody else, and says why."""
    good, bad = await office.submit(), await office.submit(message={"envelope_to": ()})
    await office.drain()
    assert (await office.state(good), await office.state(bad)) == ("sent", "refused")
    assert "recipient" in (await office.journal(bad)).last_error


async def test_details_are_for_administrators(office, mail):  # SND-25
    """Beside the short error there is a second text with what the server said and how it came to it."""
    mail.refused.add("bob@example.test")
    submitted = await office.submit()
    await office.drain()
    journal, (attempt, _) = await office.journal(submitted), (await office.attempts(submitted))[0]
    assert journal.last_error == attempt.error
    assert journal.error_detail == attempt.error_detail
    assert len(journal.error_detail) > len(journal.last_error)
    assert '"code": "' in journal.error_detail


class RingSender(MemorySender):
    """A plugin's mistake: its error is its own cause."""

    async def send(self, message):
        try:
            raise Unreachable("The server is away.", code="connect.refused")
        except Unreachable as error:
            raise error from error


class RingPlugin(MemoryPlugin):
    """A plugin with that mistake."""

    @hookimpl
    def mailport_send(self, account, services):
        return RingSender(account, self.mail)


async def test_an_error_that_is_its_own_cause_is_told_as_well(world, mail, clock):
    """A plugin that closes the chain of its causes to a ring costs one attempt, not the worker."""
    async with in_memory(world, mail, clock, plugin=RingPlugin) as office:
        submitted = await office.submit()
        await office.drain()
        assert await office.state(submitted) == "queued"
        assert (await office.journal(submitted)).error_detail.count("The server is away.") == 1


async def test_block_keeps_every_mail_for_ever(office, mail):  # SND-07 SND-10
    """With Block on nothing leaves and each mail exists with Sent = N; off, nothing leaves by itself, but can be resent."""
    await office.configure(block_outgoing_email=True)
    submitted = [await office.submit(subject=str(number)) for number in range(3)]
    await office.drain()
    assert [await office.state(one) for one in submitted] == ["blocked"] * 3
    assert [(await office.journal(one)).sent for one in submitted] == [False] * 3
    await office.configure(block_outgoing_email=False)
    await office.drain()
    assert (await office.due(), len(mail.accepted)) == ([], 0)
    await office.outbox.resend(office.actor, submitted[0].outbox_id)
    await office.drain()
    assert [await office.state(one) for one in submitted] == ["sent", "blocked", "blocked"]


async def test_block_holds_mail_of_any_origin(office, mail):  # SND-08
    """Whoever wrote a mail, a rule, a workflow or a user: Block holds it back."""
    await office.configure(block_outgoing_email=True)
    origins = ("business_rule", "quick_action", "escalation", "workflow", "user")
    submitted = [await office.submit(origin=origin) for origin in origins]
    await office.drain()
    assert {await office.state(one) for one in submitted} == {"blocked"}
    assert mail.accepted == []


async def test_some_accepted_some_refused_some_later(office, mail, clock):
    """Who was refused is recorded, who was deferred becomes an entry of its own, and nobody gets the mail twice."""
    mail.refused.add("no@example.test")
    mail.deferred.add("later@example.test")
    submitted = await office.submit(to="yes@example.test, no@example.test, later@example.test")
    await office.drain()
    parent, remainder = await office.entries(submitted)
    assert (parent.state, remainder.state) == (OutboxState.PARTLY_REFUSED, OutboxState.QUEUED)
    assert (remainder.parent_id, remainder.envelope["to"], remainder.attempts) == (parent.id, ["later@example.test"], 1)
    mail.deferred.clear()
    clock.forward(minutes=2)
    await office.drain()
    assert (await office.entries(submitted))[1].state is OutboxState.SENT
    assert [one.envelope_to for one in mail.accepted] == [("yes@example.test",), ("later@example.test",)]
    assert "no@example.test" in (await office.journal(submitted)).last_error


async def test_a_real_server_answers_for_each_recipient(desk, postfix):
    """Postfix takes one recipient, refuses one and defers one: each has its own words in the receipt."""
    await desk.configure(**smtp(postfix.host, postfix.plain))
    submitted = await desk.submit(to="anybody@example.test, rejected@example.test, deferred@example.test")
    await desk.drain()
    ((attempt, receipts),) = await desk.attempts(submitted)
    assert attempt.outcome is OutboxState.PARTLY_REFUSED
    assert list(receipts.values()) == ["accepted", "deferred", "refused"]
    assert [entry.state for entry in await desk.entries(submitted)] == [OutboxState.PARTLY_REFUSED, OutboxState.QUEUED]
