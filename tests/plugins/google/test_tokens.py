"""Tokens: fetched once, shared, renewed once, and never asked for in a loop."""

import asyncio
import socket
from typing import Any

import pytest

from mailport.account import Account
from mailport.errors import (
    AuthenticationFailed,
    ConfigurationError,
    MailportError,
    PermissionDenied,
    Throttled,
    TimedOut,
    Unreachable,
)
from mailport.host import Mailport
from mailport.message import Message
from mailport.services import Services
from mailport_google.sender import GoogleSender
from tests.peers.fake_gmail import Fault, failure, refusal
from tests.plugins.google.conftest import Google


def mail(google: Google) -> Message:
    return Message.compose(sender=google.user, to="ann@example.org", text="Hello.\n")


async def open_error(account: Account) -> Any:
    """The error in which opening a sender ends."""
    with pytest.raises(MailportError) as caught:
        await GoogleSender(account, Services()).open()
    return caught.value


# REL-07
async def test_one_request_serves_all_who_wait(google: Google) -> None:
    """Twenty senders that need a token at the same moment make one request."""
    services = Services()
    senders = [GoogleSender(google.account(), services) for _ in range(20)]
    await asyncio.gather(*(sender.open() for sender in senders))
    await asyncio.gather(*(sender.close() for sender in senders))
    assert len(google.tokens.requests) == 1


# PLG-03
async def test_hanging_token_servers_hold_up_nobody_else(google: Google) -> None:
    """However many accounts wait for a token server that hangs, another account sends meanwhile."""
    services = Services()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/token"
        accounts = [google.account(token_url=url, user_name=f"user{n}@example.test") for n in range(12)]
        stuck = [asyncio.create_task(GoogleSender(account, services).open()) for account in accounts]
        await asyncio.sleep(0.2)
        async with asyncio.timeout(10), GoogleSender(google.account(), services) as sender:
            assert (await sender.send(mail(google))).accepted
        assert not any(task.done() for task in stuck)
    outcomes = await asyncio.gather(*stuck, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Unreachable}


# SEC-07
async def test_a_token_server_that_drips_is_a_timeout(google: Google) -> None:
    """A token that comes byte by byte is waited for no longer than one that does not come."""
    google.tokens.faults.append(Fault(drip=0.05))
    async with asyncio.timeout(10):
        error = await open_error(google.account(send_mail_timeout=1))
    assert (type(error), error.code) == (TimedOut, "authentication.token_timeout")


# SND-06
async def test_a_token_is_reused(google: Google) -> None:
    """Sessions one after another, also after the first is closed, use the token that is still good."""
    async with Mailport() as host:
        for _ in range(3):
            await host.submit(mail(google), google.account())
            assert (await host.test_connection(google.account())).passed
    assert len(google.tokens.requests) == 1


# SND-06
async def test_a_token_that_ends_soon_is_renewed(google: Google) -> None:
    """A token is fetched anew shortly before its end."""
    now = 1000.0
    async with Mailport(clock=lambda: now) as host:
        await host.submit(mail(google), google.account())
        now += 3600 - 50
        await host.submit(mail(google), google.account())
    assert len(google.tokens.requests) == 2


# SND-06
async def test_a_token_refused_in_mid_work_is_renewed_once(google: Google) -> None:
    """After a 401 one fresh token is fetched, for all requests under way together, and every mail leaves once."""
    services = Services()
    async with GoogleSender(google.account(), services) as sender:
        await sender.send(mail(google))
        google.tokens.grants.clear()
        receipts = await asyncio.gather(*(sender.send(mail(google)) for _ in range(8)))
    assert all(receipt.accepted for receipt in receipts)
    assert len(google.tokens.requests) == 2
    assert len(google.mailbox.messages) == 9


async def test_a_second_401_is_the_end(google: Google) -> None:
    """A fresh token that is refused too is AuthenticationFailed: two requests, no loop."""
    google.gmail.faults.append(refusal(401, "authError", "Invalid Credentials", times=None))
    async with GoogleSender(google.account(), Services()) as sender:
        with pytest.raises(AuthenticationFailed) as caught:
            await sender.send(mail(google))
    assert caught.value.code == "authentication.token_refused"
    assert (len(google.tokens.requests), google.gmail.count("send")) == (2, 2)


# REL-06
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (failure(500), Unreachable),
        (failure(503), Unreachable),
        (Fault(cut="before"), Unreachable),
        (Fault(cut="after"), Unreachable),
        (Fault(truncate=4), Unreachable),
        (Fault(garble=True), Unreachable),
        (Fault(status=200, body=b"[]"), Unreachable),
        (Fault(status=200, body=b'{"token": "x"}'), Unreachable),
        (Fault(status=429, body=b"{}", headers={"Retry-After": "8"}), Throttled),
    ],
    ids=repr,
)
async def test_a_transient_fault_asks_for_no_credentials(google: Google, fault: Fault, kind: type[MailportError]) -> None:
    """A fault of the token endpoint is told as such after one try, and the next sign-in works."""
    google.tokens.faults.append(fault)
    error = await open_error(google.account())
    assert isinstance(error, kind)
    assert not isinstance(error, AuthenticationFailed)
    assert error.retry_after == (8 if kind is Throttled else None)
    assert len(google.tokens.requests) == (0 if fault.cut == "before" else 1), "google-auth would ask three times and sleep"
    async with GoogleSender(google.account(), Services()) as sender:
        assert sender.alive


async def test_a_silent_token_endpoint_times_out(google: Google) -> None:
    """Silence ends at the account's timeout and is never Uncertain: no mail was under way."""
    google.tokens.is_silent = True
    assert isinstance(await open_error(google.account(send_mail_timeout=1)), TimedOut)


async def test_a_key_that_cannot_sign_is_told_at_its_field(google: Google) -> None:
    """A text that looks like a key and is none is found when it is used, before anything is sent."""
    fake = "-----BEGIN PRIVATE KEY-----\nAAAAAAAA\n-----END PRIVATE KEY-----"
    error = await open_error(google.account(private_key=fake))
    assert isinstance(error, ConfigurationError)
    assert (error.field, error.code) == ("private_key", "authentication.key_unreadable")
    assert google.tokens.connections == 0


async def test_an_account_without_delegation_lacks_a_right(google: Google) -> None:
    """The identity is fine and the right is missing: PermissionDenied, which names the scopes to enter."""
    next(iter(google.tokens.accounts.values())).delegated.clear()
    error = await open_error(google.account())
    assert isinstance(error, PermissionDenied)
    assert "gmail.send" in error.remedy
    assert "domain-wide delegation" in error.remedy


async def test_another_user_gets_another_token(google: Google) -> None:
    """A token is good for one user and one set of scopes; accounts that differ there never share one."""
    services = Services()
    for account in (google.account(), google.account(read_sent_mail=True)):
        async with GoogleSender(account, services) as sender:
            await sender.send(mail(google))
    assert len({grant.scopes for grant in google.tokens.grants.values()}) == 2
