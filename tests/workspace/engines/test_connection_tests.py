"""Test Connection as the service offers it: asked for, run by a worker, read."""

import asyncio
import secrets
import socket
from datetime import timedelta

import pytest

from mailport import Mailport
from mailport.egress import EgressPolicy
from mailport.errors import ConfigurationError, NotFound, PermissionDenied, Throttled
from mailport_workspace.deployment.ahead import begin_what_is_ahead
from mailport_workspace.engines.local import LocalEngine
from mailport_workspace.tables import AccountState, now
from mailport_workspace.tenants.configuration import Configurations
from mailport_workspace.tenants.connection_tests import AT_ONCE, LOST, NEW_INBOX, OUTGOING, ConnectionTests
from mailport_workspace.tenants.inboxes import Inboxes
from tests.workspace.forms import administrator, agent, imap


@pytest.fixture
async def mailport(tmp_path):
    """The library, with Maildirs below this test's folder and servers on loopback."""
    (tmp_path / "mail").mkdir()
    async with Mailport(local_root=tmp_path / "mail", egress=EgressPolicy(allowed=("127.0.0.1",))) as mailport:
        yield mailport


@pytest.fixture
async def tests(world, mailport):
    """The tests of connections, with an engine that nobody runs."""
    configurations, inboxes = Configurations(world.store, mailport, world.ring), Inboxes(world.store, mailport, world.ring)
    return ConnectionTests(world.store, configurations, inboxes, mailport=mailport, ring=world.ring, engine=LocalEngine())


@pytest.fixture
async def desk(world):
    """A tenant that sends into a Maildir."""
    await world.configurations.save(world.one, maildir())
    return world.one


@pytest.fixture
def silent():
    """The port of a server that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def maildir(**more):
    return {"protocol": "maildir", "authentication": "none", "directory": "desk", "user_name": "desk@example.test"} | more


def smtp_to(port, **more):
    """An account that signs in nowhere, on a server of this machine."""
    form = {"protocol": "smtp", "authentication": "none", "use_ssl_tls": "none", "host": "127.0.0.1", "port": port}
    return form | {"user_name": "desk@example.test", "send_mail_timeout": 5} | more


def arrived(tmp_path):
    return [path for path in (tmp_path / "mail").glob("desk/new/*") if path.is_file()]


async def run(tests, actor, subject=OUTGOING, form=None, **more):
    """Ask and run; the progress at the end."""
    test = await tests.ask(actor, subject, form, **more)
    await tests.run(test)
    return await tests.read(actor, test)


async def first_rung(tests, actor, test):
    """Wait until a rung of the running test can be read; the progress then."""
    async with asyncio.timeout(20):
        while True:
            seen = await tests.read(actor, test)
            if seen.report["rungs"]:
                return seen
            await asyncio.sleep(0.02)


async def test_it_says_before_what_it_will_do(tests, desk, tmp_path):  # TST-01
    """The announcement names the check and the address that gets a mail; nothing has happened yet."""
    said = await tests.announcement(desk, OUTGOING)
    assert "checks the connection" in said
    assert "sends a test mail to desk@example.test" in said
    other = await tests.announcement(desk, OUTGOING, maildir(user_name="other@example.test"))
    assert "other@example.test" in other
    assert arrived(tmp_path) == []


async def test_the_last_result_is_kept(tests, desk, tmp_path):  # TST-04
    """It has outcome, date and time, and on failure what was said."""
    done = await run(tests, desk)
    assert (done.state, done.report["passed"], len(arrived(tmp_path))) == ("finished", True, 1)
    last = await tests.last(desk, OUTGOING)
    assert (last["passed"], last["at"]) == (True, done.finished_at.isoformat())
    assert "message" not in last
    failed = await run(tests, desk, form=smtp_to(1))
    last = await tests.last(desk, OUTGOING)
    assert (last["passed"], last["at"], last["code"]) == (False, failed.finished_at.isoformat(), "connect.refused")
    assert "127.0.0.1" in last["message"]


async def test_a_new_result_replaces_the_former(tests, desk):  # TST-05
    """Whatever the former one said, only the latest is there."""
    await run(tests, desk, form=smtp_to(1))
    await run(tests, desk)
    last = await tests.last(desk, OUTGOING)
    assert last["passed"] is True
    assert {"message", "code"} & set(last) == set()


async def test_clearing_empties_the_result_and_nothing_else(tests, desk, world):  # TST-06
    """Everything else that is known of the account stays."""
    opened = now()
    await run(tests, desk)
    async with world.store.write(desk.tenant) as rows:
        await rows.add(AccountState(subject="inbox", circuit_opened_at=opened, circuit_code="authentication.failed"))
        (await rows.account_state("inbox")).test_result = {"passed": False}
    for subject in (OUTGOING, "inbox", "never tested"):
        await tests.clear(desk, subject)
        assert await tests.last(desk, subject) == {}
    async with world.store.read(desk.tenant) as rows:
        state = await rows.account_state("inbox")
    assert (state.circuit_opened_at, state.circuit_code) == (opened, "authentication.failed")


async def test_unsaved_secrets_are_sealed_and_go_at_the_end(tests, desk, world, database):  # TST-08
    """The values in the form are tested; its secret lies sealed in the request, until the test is over."""
    secret = secrets.token_urlsafe(24)
    form = smtp_to(1, authentication="auth_login", password=secret)
    test = await tests.ask(desk, OUTGOING, form)
    async with world.store.read(desk.tenant) as rows:
        assert set((await rows.connection_test(test)).secrets) == {"password"}
    assert secret.encode() not in database.dump()
    await tests.run(test)
    async with world.store.read(desk.tenant) as rows:
        assert (await rows.connection_test(test)).secrets == {}
    assert (await tests.read(desk, test)).report["passed"] is False
    assert (await world.configurations.read(desk))["protocol"] == "maildir"


async def test_a_stored_secret_stays_where_it_is_bound(tests, world):  # TST-08
    """The form of another server gets it neither for the account that sends nor for an inbox."""
    form = smtp_to(2525, authentication="auth_login", password=secrets.token_urlsafe(16))
    await world.configurations.save(world.one, form)
    unchanged = {name: value for name, value in form.items() if name != "password"}
    assert await tests.ask(world.one, OUTGOING, {**unchanged, "send_mail_timeout": 9})
    with pytest.raises(ConfigurationError) as refused:
        await tests.ask(world.one, OUTGOING, {**unchanged, "host": "other.example.test"})
    assert refused.value.code == "settings.secret_unbound"
    inbox = await world.inboxes.create(world.one, imap())
    bound = {name: value for name, value in imap().items() if name != "password"}
    assert await tests.ask(world.one, inbox, bound)
    with pytest.raises(ConfigurationError) as refused:
        await tests.ask(world.one, inbox, {**bound, "host": "other.example.test"})
    assert refused.value.code == "settings.secret_unbound"


@pytest.mark.parametrize(
    ("rules", "count", "code"),
    [({"email_address_override": "all@example.test"}, 1, ""), ({"block_outgoing_email": True}, 0, "send.blocked")],
)
async def test_override_does_not_count_and_block_does(tests, desk, tmp_path, rules, count, code):  # TST-09
    """The mail goes to User Name, or nowhere while Block is on: the connection was checked all the same."""
    done = await run(tests, desk, form=maildir(**rules))
    rungs = {rung["rung"]: rung for rung in done.report["rungs"]}
    assert {name for name, rung in rungs.items() if rung["state"] == "passed"} - {"settings", "send"}
    assert rungs["send"]["code"] == code
    mails = [path.read_bytes() for path in arrived(tmp_path)]
    assert [b"To: desk@example.test" in mail for mail in mails] == [True] * count


async def test_a_silent_server_ends_the_test_in_time(tests, desk, silent):  # TST-10
    """Send Mail Timeout is the budget of the whole test, the remaining rungs are skipped."""
    async with asyncio.timeout(15):
        done = await run(tests, desk, form=smtp_to(silent, send_mail_timeout=1))
    rungs = {rung["rung"]: rung["state"] for rung in done.report["rungs"]}
    assert (rungs["greeting"], rungs["authentication"], rungs["send"]) == ("failed", "skipped", "skipped")


async def test_every_rung_is_told_as_it_comes(tests, desk, silent):
    """While the server is silent, what passed before can be read already."""
    test = await tests.ask(desk, OUTGOING, smtp_to(silent, send_mail_timeout=3))
    assert (await tests.read(desk, test)).state == "waiting"
    running = asyncio.create_task(tests.run(test))
    seen = await first_rung(tests, desk, test)
    assert (seen.state, seen.report["passed"]) == ("running", None)
    await running


async def test_an_inbox_has_a_test_of_its_own(tests, world, desk):  # TST-11
    """Stored or new, it connects and looks into its folder; no mail is sent."""
    form = {"name": "Desk mail", "address": "desk@example.test", **maildir(folder="INBOX")}
    await run(tests, desk)  # now the Maildir is there
    new = await run(tests, desk, NEW_INBOX, form)
    rungs = {rung["rung"]: rung["state"] for rung in new.report["rungs"]}
    assert (new.report["passed"], rungs["folder"], rungs["send"]) == (True, "passed", "skipped")
    assert await tests.last(desk, NEW_INBOX) == {}
    inbox = await world.inboxes.create(desk, form)
    assert "changes nothing" in await tests.announcement(desk, inbox)
    assert (await run(tests, desk, inbox)).report["passed"]
    assert (await tests.last(desk, inbox))["passed"]


async def test_a_passed_test_lets_the_account_work_again(tests, desk, world):
    """It closes the circuit of what is stored; a test of other values says nothing about that."""
    async with world.store.write(desk.tenant) as rows:
        await rows.add(AccountState(subject=OUTGOING, circuit_opened_at=now(), circuit_code="authentication.failed"))

    async def is_open():
        async with world.store.read(desk.tenant) as rows:
            return (await rows.account_state(OUTGOING)).circuit_opened_at is not None

    await run(tests, desk, form=maildir())
    assert await is_open()
    await run(tests, desk)
    assert not await is_open()


async def test_the_way_back_needs_an_inbox_of_the_mailbox(tests, desk, world):
    """Without one the test is refused before anything is sent; with one the mail is found."""
    with pytest.raises(ConfigurationError) as refused:
        await tests.ask(desk, OUTGOING, round_trip=True)
    assert refused.value.code == "settings.round_trip"
    inbox = {"name": "Desk mail", "address": "desk@example.test", "enabled": True, **maildir(folder="INBOX")}
    await run(tests, desk)
    await world.inboxes.create(desk, inbox)
    done = await run(tests, desk, round_trip=True)
    assert {rung["rung"]: rung["state"] for rung in done.report["rungs"]}["round_trip"] == "passed"


async def test_a_test_that_was_lost_in_the_future_ends_in_time(tests, desk, world):
    """The clock was put back by a day: it is told as failed after as long as ever, and takes no place of others until then."""
    test, at = await tests.ask(desk, OUTGOING), now()
    async with world.store.write(desk.tenant) as rows:
        row = await rows.connection_test(test)
        row.lease, row.leased_at = "gone", at + timedelta(days=1)
    await begin_what_is_ahead(world.store, at)
    async with world.store.survey() as every:
        assert await every.due_connection_tests(lost_before=at) == []
        assert await every.due_connection_tests(lost_before=at + timedelta(seconds=1)) == [test]


async def test_a_test_that_lost_its_worker_is_not_run_again(tests, desk, world, tmp_path):
    """Its mail may have left: after a while it is told as failed, and nothing is sent."""
    test = await tests.ask(desk, OUTGOING)
    async with world.store.write(desk.tenant) as rows:
        row = await rows.connection_test(test)
        row.lease, row.leased_at = "gone", now()
    await tests.run(test)
    assert (await tests.read(desk, test)).state == "running"
    async with world.store.write(desk.tenant) as rows:
        (await rows.connection_test(test)).leased_at = now() - LOST - timedelta(seconds=1)
    async with world.store.survey() as every:
        assert await every.due_connection_tests(lost_before=now() - LOST) == [test]
    await tests.run(test)
    done = await tests.read(desk, test)
    assert (done.state, done.report["passed"], arrived(tmp_path)) == ("finished", False, [])


async def test_a_worker_that_must_stop_ends_its_test(tests, desk, silent):  # REL-08
    """Whoever waits is told at once."""
    test = await tests.ask(desk, OUTGOING, smtp_to(silent, send_mail_timeout=60))
    running = asyncio.create_task(tests.run(test))
    await first_rung(tests, desk, test)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    done = await tests.read(desk, test)
    assert (done.state, done.report["rungs"][0]["code"]) == ("finished", "settings.test_lost")


async def test_only_administrators_of_the_tenant_see_a_test(tests, desk, world):
    """An agent may not ask, another tenant finds nothing."""
    test = await tests.ask(administrator(desk), OUTGOING)
    for act in (tests.ask(agent(desk), OUTGOING), tests.read(agent(desk), test), tests.clear(agent(desk), OUTGOING)):
        with pytest.raises(PermissionDenied):
            await act
    with pytest.raises(NotFound):
        await tests.read(world.two, test)


async def test_one_tenant_leaves_room_for_others(tests, desk, world):
    """A test holds a place of a worker while a server is silent: more than a few at once are refused, of this tenant only."""
    asked = [await tests.ask(desk, OUTGOING) for _ in range(AT_ONCE)]
    with pytest.raises(Throttled) as refused:
        await tests.ask(desk, OUTGOING)
    assert refused.value.code == "settings.tests_under_way"
    assert await tests.ask(world.two, NEW_INBOX, maildir())
    await tests.run(asked[0])
    assert await tests.ask(desk, OUTGOING)
