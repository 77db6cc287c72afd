"""How an inbox fares: what its row says, who is told, when it is tried again."""

import asyncio
from datetime import timedelta

import pytest

from mailport_workspace.tables import AccountState
from tests.workspace.intake.conftest import DESK, mail, until


async def test_an_inbox_shows_how_it_fares(post):  # LOG-03
    """The last poll, the last success, the last error and the backlog stand in its row."""
    inbox = await post.inbox()
    post.box().add(mail("Printer"))
    post.clerk.does["Printer"] = _fail
    await post.poll()
    good = await post.row(inbox)
    assert (good.last_poll_at <= good.last_success_at, good.last_error, good.backlog) == (True, "", 1)
    post.clock.forward(seconds=60)
    post.system.faults.throttle = 5
    await post.poll()
    bad = await post.row(inbox)
    assert (bad.last_poll_at > good.last_poll_at, bad.last_success_at) == (True, good.last_success_at)
    assert ("Try again later" in bad.last_error, bad.last_error_code) == (True, "send.throttled")


async def _fail(_received):
    raise RuntimeError("a mail that nobody can process")


async def test_an_inbox_without_progress_is_noticed_and_a_success_clears_it(post):  # REL-05
    """Within two poll intervals others are told, once, and the row says why; the next success ends that."""
    await post.listen()
    inbox = await post.inbox()
    await post.poll()
    begun, post.system.gone = post.clock(), True
    for _ in range(2):
        post.clock.forward(seconds=60)
        await post.poll()
    assert await post.told() == ["inbox.failing"]
    row = await post.row(inbox)
    assert (post.clock() - begun <= timedelta(seconds=125), row.failures, bool(row.last_error)) == (True, 2, True)
    post.system.gone = False
    post.clock.forward(seconds=120)
    await post.poll()
    row = await post.row(inbox)
    assert (row.failures, row.last_error, row.last_error_code, await post.told()) == (0, "", "", ["inbox.failing"])


async def test_a_mailbox_that_falls_silent_is_noticed_while_it_is_open(post):
    """The poll is still under way; the row says for how long nothing came, and others are told."""
    await post.listen()
    inbox = await post.inbox()
    post.system.faults.silent = True
    _, poller = post.worker(patience=0.001)
    polling = asyncio.create_task(post.poll(poller))
    await until(post.told)
    assert await post.told() == ["inbox.failing"]
    row = await post.row(inbox)
    assert (row.last_error_code, row.lease is not None) == ("read.silent", True)
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)


async def test_refused_credentials_are_asked_once(post):
    """The circuit of the inbox opens, others are told, and the server is left alone until the settings are saved again."""
    await post.listen()
    inbox = await post.inbox()
    password, post.system.passwords[DESK] = post.system.passwords[DESK], "another"
    for _ in range(5):
        await post.poll()
        post.clock.forward(seconds=1000)
    assert (post.system.failed_sign_ins, await post.told()) == (1, ["account.refused", "inbox.failing"])
    assert (await post.row(inbox)).failures == 5
    post.system.passwords[DESK] = password
    await post.world.inboxes.save(post.actor, inbox, {"archive_folder": "Done"})
    await post.poll()
    assert (await post.row(inbox)).failures == 0


async def test_a_server_that_asks_to_wait_is_left_alone_for_exactly_so_long(post):
    """Not even saved settings make the inbox ask earlier."""
    inbox = await post.inbox()
    post.system.faults.throttle = 500
    await post.poll()
    asked = len(post.system.connections), post.clock()
    post.system.faults.throttle = None
    async with post.store.read(post.tenant) as rows:
        state: AccountState = await rows.account_of_inbox(inbox)
    assert (await post.row(inbox)).next_poll_at == state.wait_until
    post.clock.forward(seconds=480)
    await post.world.inboxes.save(post.actor, inbox, {"archive_folder": "Done"})
    await post.poll()
    assert len(post.system.connections) == asked[0]
    post.clock.forward(seconds=(state.wait_until - post.clock()).total_seconds())
    await post.poll()
    assert len(post.system.connections) == asked[0] + 1


@pytest.mark.parametrize(("failures", "seconds"), [(1, 60), (2, 120), (3, 240), (9, 900)])
async def test_failures_in_a_row_are_tried_again_later_and_later(post, failures, seconds):
    """The wait doubles up to a quarter of an hour."""
    inbox = await post.inbox()
    post.system.gone = True
    async with post.store.write(post.tenant) as rows:
        (await rows.inbox(inbox)).failures = failures - 1
    await post.poll()
    row = await post.row(inbox)
    assert 0.95 * seconds <= (row.next_poll_at - row.last_poll_at).total_seconds() <= seconds
