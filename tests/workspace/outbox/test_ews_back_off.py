"""Exchange asks to come back later, and whoever sends through the account does."""

import secrets
from datetime import timedelta

import pytest

from tests.conftest import peer

USER = "desk@example.test"


@pytest.fixture
def ews(pki, token_issuer, tmp_path):
    """An Exchange server with the mailbox of the desk; the schemas have nothing against what is said."""
    peer("fake_ews.contract").contracts()
    folder = tmp_path / "ews"
    folder.mkdir()
    with peer("fake_ews.server").FakeEws(pki.server_context(), folder, token_issuer) as server:
        server.add_mailbox(USER, secrets.token_urlsafe(16))
        yield server
    assert server.violations == []


@pytest.fixture
async def exchange(desk, ews, pki):
    """The outbox of tenant `one`, which sends through that mailbox."""
    signing_in = {"authentication": "plain", "user_name": USER, "password": ews.users.passwords[USER]}
    await desk.configure(protocol="ews", host=ews.url, ca_certificates=pki.ca_pem, **signing_in)
    return desk


def is_busy(ews, *, as_fault):
    """Let the server be busy for seventeen and a half seconds, and tell so in one of its two ways."""
    busy = peer("fake_ews.answers").Failed("ErrorServerBusy", back_off=17_500)
    if as_fault:
        ews.faults.append(peer("fake_ews.faults").soap(busy, operation="CreateItem", times=None))
    else:
        ews.room.verdict = lambda _: busy


@pytest.mark.parametrize("as_fault", [True, False], ids=["fault", "item"])
async def test_back_off_is_obeyed_by_the_whole_account(exchange, ews, clock, as_fault):  # REL-03
    """Nothing leaves before BackOffMilliseconds are over, also no mail written meanwhile, and then everything does."""
    clock.stop()
    well = ews.room.verdict
    is_busy(ews, as_fault=as_fault)
    submitted = [await exchange.submit(subject=str(number), due_at=clock()) for number in range(3)]
    await exchange.drain()
    assert (await exchange.account()).wait_until == clock() + timedelta(seconds=17.5)
    ews.faults.clear()
    ews.room.verdict = well
    asked = ews.answered
    submitted.append(await exchange.submit(subject="written meanwhile", due_at=clock()))
    clock.forward(seconds=17.499)
    assert await exchange.due() == []
    await exchange.drain()
    assert (ews.answered, ews.room.arrived) == (asked, {})
    clock.forward(seconds=0.001)
    assert await exchange.due() == [exchange.actor.tenant]
    await exchange.drain()
    assert [await exchange.state(one) for one in submitted] == ["sent"] * 4
    assert len(ews.room.arrived["bob@example.test"]) == 4


async def test_the_details_name_what_exchange_said(exchange, ews):
    """Below an error of Exchange stands the library's own, once."""
    is_busy(ews, as_fault=True)
    submitted = await exchange.submit()
    await exchange.drain()
    assert (await exchange.journal(submitted)).error_detail.count("\nErrorServerBusy:") == 1
