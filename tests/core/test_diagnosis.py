"""Test Connection: a ladder whose first failure is the cause."""

import asyncio

import pytest

from mailport import ConfigurationError, Direction, Mailport
from mailport.diagnosis import State, diagnose, failed_settings
from mailport.errors import Unreachable
from mailport.hookspecs import hookimpl
from mailport.services import Services
from mailport.testing.memory import MemoryPlugin
from mailport.transport import Endpoint, Probe, Rung, Step
from tests.core.conftest import ANN, BOB


class Scripted(Probe):
    def __init__(self, steps, host="localhost"):
        self._steps, self._host = steps, host

    def endpoint(self):
        return Endpoint(self._host, 25)

    def steps(self):
        return self._steps


def raising(error):
    async def run():
        raise error

    return run


async def fine():
    return "fine"


class ProbePlugin:
    """Replaces the memory protocol's probe."""

    def __init__(self, probe):
        self.probe = probe

    @hookimpl(tryfirst=True)
    def mailport_test_connection(self, account, services):
        return self.probe


async def report_of(memory, values, probe, **more):
    async with Mailport(plugins=[MemoryPlugin(memory), ProbePlugin(probe)], discover=False) as mail:
        return await mail.test_connection(mail.account(values | more))


async def test_every_rung_is_reported_in_order(mail, outgoing):
    """A good account passes, and what does not apply is skipped."""
    told = []
    report = await mail.test_connection(outgoing, on_rung=told.append)
    assert report.passed
    assert [result.rung for result in report.rungs] == list(Rung)
    assert {result.rung for result in told} <= set(Rung)
    assert all(result.state is not State.FAILED for result in told)


async def test_the_first_failure_is_the_cause_and_the_rest_is_skipped(memory, values):
    """Nothing is tried after the cause; its code says at which rung of the step it lies."""
    error = Unreachable("cut", code="tls.cut", field="use_ssl_tls", remedy="Choose TLS.")
    step = Step((Rung.CONNECT, Rung.TLS, Rung.GREETING), raising(error))
    report = await report_of(memory, values, Scripted([step, Step((Rung.AUTHENTICATION,), fine)]))
    states = {result.rung: result.state for result in report.rungs}
    assert states[Rung.CONNECT] is State.PASSED
    assert next(result.said for result in report.rungs if result.rung is Rung.CONNECT) == ""
    assert (report.cause.rung, report.cause.code, report.cause.field) == (Rung.TLS, "tls.cut", "use_ssl_tls")
    assert states[Rung.GREETING] is states[Rung.AUTHENTICATION] is State.SKIPPED


async def test_an_unknown_host_is_found_before_anything_is_connected(memory, values):  # TST-07
    """The name is a rung of its own."""
    report = await report_of(memory, values, Scripted([], host="no-such-host.invalid"))
    assert report.cause.code == "name.unknown"


async def test_a_broken_plugin_is_named_as_such(memory, values):
    """A bug in a probe is reported, not raised."""
    report = await report_of(memory, values, Scripted([Step((Rung.GREETING,), raising(KeyError("x")))]))
    assert (report.cause.rung, report.cause.code) == (Rung.GREETING, "plugin.broken")


async def test_the_whole_test_has_the_accounts_timeout(memory, values):  # TST-10
    """A server that is silent costs at most Send Mail Timeout; later steps are skipped."""
    memory.faults.silent = True
    async with Mailport(plugins=[MemoryPlugin(memory)], discover=False) as mail:
        report = await mail.test_connection(mail.account(values | {"send_mail_timeout": 1}), send=True)
    assert report.cause.code.endswith(".timeout")
    assert sum(result.seconds for result in report.rungs) < 3
    assert memory.open_connections == []


async def test_sending_is_tested_only_when_asked_and_exactly_once(mail, memory, outgoing):  # TST-03
    """One test mail goes to User Name; a plain test sends none."""
    await mail.test_connection(outgoing)
    assert memory.accepted == []
    assert (await mail.test_connection(outgoing, send=True)).passed
    assert [stored.envelope_to for stored in memory.accepted] == [(ANN,)]


async def test_nothing_is_sent_when_the_connection_fails(mail, memory, values):  # TST-02
    """A refused login ends the test before any mail."""
    report = await mail.test_connection(mail.account(values | {"password": "wrong-canary"}), send=True)
    assert report.cause.rung is Rung.AUTHENTICATION
    assert memory.accepted == []
    assert "wrong-canary" not in str(report.as_dict())


async def test_the_override_does_not_redirect_the_test_mail(mail, memory, values):  # TST-09
    """The test mail goes to User Name whatever the override says."""
    await mail.test_connection(mail.account(values | {"email_address_override": "x@example.org"}), send=True)
    assert memory.accepted[0].envelope_to == (ANN,)


async def test_a_blocked_account_is_checked_and_sends_nothing(mail, memory, values):  # TST-09
    """While Block is on the connection is still tested, and the refusal says so."""
    report = await mail.test_connection(mail.account(values | {"block_outgoing_email": True}), send=True)
    assert (report.cause.rung, report.cause.field) == (Rung.SEND, "block_outgoing_email")
    assert memory.accepted == []


async def test_the_round_trip_finds_the_test_mail(mail, memory, outgoing, incoming, compose):
    """With an account that receives, the mail is looked for; earlier mail is not read."""
    memory.mailboxes[ANN].add(compose(subject="old").to_bytes())
    report = await mail.test_connection(outgoing, send=True, round_trip=incoming)
    assert report.passed
    assert "arrived" in report.rungs[-1].said
    assert len(memory.mailboxes[ANN].mails()) == 2


async def test_the_pool_is_never_touched(mail, memory, outgoing, compose):
    """A test uses sessions of its own and closes them."""
    await mail.submit(compose(), outgoing)
    await mail.test_connection(outgoing, send=True)
    assert "open=1" in repr(mail)
    assert len(memory.open_connections) == 1


async def test_an_inbox_has_a_test_of_its_own(mail, values):  # TST-11
    """Connect, sign in, look at the folder; a missing one is the cause."""
    assert (await mail.test_connection(mail.account(values, Direction.INCOMING))).passed
    report = await mail.test_connection(mail.account(values | {"folder": "Nowhere"}, Direction.INCOMING))
    assert (report.cause.rung, report.cause.field) == (Rung.FOLDER, "folder")


def test_wrong_settings_are_a_report_too():
    """A form with a wrong field gets the same kind of answer."""
    report = failed_settings(ConfigurationError("Port is wrong.", field="port", remedy="Use 25."))
    assert (report.cause.rung, report.cause.field, report.passed) == (Rung.SETTINGS, "port", False)


@pytest.mark.parametrize("name", ["tls.cut", "connect.refused"])
async def test_a_code_of_another_rung_counts_at_the_first(memory, values, name):
    """An error whose rung the step does not have is put at the step's first rung."""
    step = Step((Rung.FOLDER,), raising(Unreachable("x", code=name)))
    assert (await report_of(memory, values, Scripted([step]))).cause.rung is Rung.FOLDER


async def test_a_probe_that_cannot_be_made_is_a_report_too(memory, values):
    """A plugin that fails before its first step is named at the settings, not raised."""

    class Failing:
        @hookimpl(tryfirst=True)
        def mailport_test_connection(self, account, services):
            raise KeyError("x")

    async with Mailport(plugins=[MemoryPlugin(memory), Failing()], discover=False) as mail:
        report = await mail.test_connection(mail.account(values))
    assert (report.cause.rung, report.cause.code) == (Rung.SETTINGS, "plugin.broken")


async def test_a_rung_that_passed_stays_passed(memory, values):
    """A later step that touches the same rung and has nothing to tell does not make it skipped."""

    async def nothing():
        return ""

    steps = [Step((Rung.CAPABILITIES,), fine), Step((Rung.CAPABILITIES, Rung.AUTHENTICATION), nothing)]
    states = {result.rung: result.state for result in (await report_of(memory, values, Scripted(steps))).rungs}
    assert (states[Rung.CAPABILITIES], states[Rung.AUTHENTICATION]) == (State.PASSED, State.SKIPPED)


async def test_a_test_that_is_cancelled_hangs_up(memory, values):
    """Who closes the form leaves no connection behind."""
    begun = asyncio.Event()

    class Endless(Scripted):
        closed = False

        async def close(self):
            self.closed = True

    async def wait():
        begun.set()
        await asyncio.Event().wait()

    probe = Endless([Step((Rung.CONNECT,), wait)])
    test = asyncio.ensure_future(report_of(memory, values, probe))
    await begun.wait()
    test.cancel()
    with pytest.raises(asyncio.CancelledError):
        await test
    assert probe.closed


async def test_a_probe_that_fails_to_name_its_steps_is_reported(memory, values):  # PLG-03
    """A fault of a plugin is a failed rung, and no exception in whoever draws the report."""

    class Nameless(Scripted):
        def steps(self):
            raise KeyError("bug")

    report = await report_of(memory, values, Nameless([]))
    assert (report.cause.rung, report.cause.error, report.cause.code) == (Rung.CONNECT, "PluginError", "plugin.broken")


async def test_a_rule_that_nobody_carries_out_fails_the_settings(mail, values):
    """What would stop every mail stops the test: here no policy is installed."""
    account = mail.account(values | {"attach_conversation_id": True})
    report = await diagnose(account, Scripted([Step((Rung.CONNECT,), fine)]), Services(), policies=())
    assert (report.cause.rung, report.cause.code) == (Rung.SETTINGS, "settings.policy_missing")
    assert (report.cause.field, report.cause.error) == ("attach_conversation_id", "UnsupportedFeature")


async def test_a_server_that_never_greets_is_a_question_of_the_port(memory, values):
    """A port that expects SSL stays silent: the timeout names the port and says so."""
    probe = Scripted([Step((Rung.GREETING,), asyncio.Event().wait)])
    report = await report_of(memory, values, probe, send_mail_timeout=1)
    assert (report.cause.code, report.cause.field) == ("greeting.timeout", "port")
    assert "SSL" in report.cause.remedy


async def test_a_mail_that_does_not_come_back_names_both_mailboxes(memory, values):
    """With the account of another mailbox the time runs out, and the text says where the mail was sent and looked for."""
    memory.passwords[BOB] = "secret-of-bob"
    async with Mailport(plugins=[MemoryPlugin(memory)], discover=False) as mail:
        other = mail.account(values | {"user_name": BOB, "password": "secret-of-bob"}, Direction.INCOMING)
        outgoing = mail.account(values | {"send_mail_timeout": 1})
        cause = (await mail.test_connection(outgoing, send=True, round_trip=other)).cause
    assert (cause.code, cause.said) == (
        "round_trip.timeout",
        f"The mail was sent to {ANN} but not found in the mailbox of {BOB}.",
    )


class ProbelessPlugin(MemoryPlugin):
    """The memory protocol without steps of its own."""

    @hookimpl
    def mailport_test_connection(self, account, services):
        return None


async def test_without_a_probe_only_what_was_done_passes(memory, values):
    """Opening the session is one rung; what lies between is not claimed."""
    async with Mailport(plugins=[ProbelessPlugin(memory)], discover=False) as mail:
        report = await mail.test_connection(mail.account(values))
    passed = [result.rung for result in report.rungs if result.state is State.PASSED]
    assert (report.passed, passed) == (True, [Rung.SETTINGS, Rung.CONNECT])


async def test_without_a_probe_an_error_still_has_its_rung(memory, values):
    """The code says where the cause lies, and what was before it is not called passed."""
    async with Mailport(plugins=[ProbelessPlugin(memory)], discover=False) as mail:
        report = await mail.test_connection(mail.account(values | {"password": "wrong-canary"}))
    states = {result.rung: result.state for result in report.rungs}
    assert report.cause.rung is Rung.AUTHENTICATION
    assert states[Rung.CONNECT] is states[Rung.TLS] is State.SKIPPED
