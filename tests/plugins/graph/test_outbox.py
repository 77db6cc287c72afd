"""Many messages at once: batches, each message's own answer, and the four places of a mailbox."""

import asyncio
from typing import Any

import pytest

import mailport_graph.plugin
from mailport.errors import MailportError, PermissionDenied, Refused, Throttled, Uncertain
from mailport.host import Mailport
from mailport.message import Message
from mailport.receipt import Receipt
from mailport.transport import Sender
from tests.peers.fake_graph_faults import MALFORMED, Fault, cut, lose, refused, throttled
from tests.plugins.graph.tenant import Tenant


def mails(tenant: Tenant, count: int, **more: Any) -> list[Message]:
    return [tenant.mail(f"user{n}@example.test", subject=f"No. {n}", **more) for n in range(count)]


async def send_all(tenant: Tenant, messages: list[Message], **settings: Any) -> list[Receipt | BaseException]:
    async with tenant.sender(**settings) as sender:
        return await asyncio.gather(*(sender.send(message) for message in messages), return_exceptions=True)


async def test_many_submits_become_few_round_trips(tenant: Tenant) -> None:
    """200 concurrent submits on one account take at most a fifth of the sequential round trips, with a receipt each."""
    messages = mails(tenant, 200)
    async with Mailport(plugins=[mailport_graph.plugin], discover=False) as host:
        account = host.account({"protocol": "graph", **tenant.values()})
        receipts = await asyncio.gather(*(host.submit(message, account) for message in messages))
    assert [receipt.message_id for receipt in receipts] == [message.message_id for message in messages]
    assert all(receipt.accepted for receipt in receipts)
    assert len(tenant.fake.delivered) == 200
    assert len(tenant.fake.requests) <= 200 / 5
    assert tenant.fake.peak <= 4
    assert len(tenant.tokens.requests) == 1


async def test_a_bad_message_fails_no_other(tenant: Tenant) -> None:
    """In a batch each message has its own answer: one is refused, the others are sent."""
    tenant.fake.refused_recipients.add("user7@example.test")
    outcomes = await send_all(tenant, mails(tenant, 20))
    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Refused)] == [7]
    assert sum(isinstance(outcome, Receipt) and outcome.accepted for outcome in outcomes) == 19
    assert len(tenant.fake.delivered) == 19


async def test_a_throttled_message_fails_no_other(tenant: Tenant) -> None:
    """A message that is throttled inside a batch is told how long to wait; those beside it are sent."""
    tenant.fake.faults.append(Fault(throttled("9"), "sendMail"))
    outcomes = await send_all(tenant, mails(tenant, 3))
    [error] = [outcome for outcome in outcomes if isinstance(outcome, Throttled)]
    assert error.retry_after == 9
    assert len(tenant.fake.delivered) == 2


@pytest.mark.parametrize("copy", [True, False])
async def test_batches_stay_below_the_limit_of_a_request(tenant: Tenant, copy: bool) -> None:
    """Messages that are large together are spread over several batches of at most 4 MB."""
    messages = mails(tenant, 8, text="x" * 1_000_000)
    outcomes = await send_all(tenant, messages, save_to_sent_items=copy)
    assert all(isinstance(outcome, Receipt) for outcome in outcomes)
    assert max(len(request.body) for request in tenant.fake.requests) < 4 * 1024 * 1024
    assert len(tenant.fake.delivered) == 8


async def test_a_service_that_wants_texts_encoded_gets_them_alone(tenant: Tenant) -> None:
    """Where a batch does not understand MIME it refuses each message for that; they go alone, and so do later ones."""
    tenant.fake.batch_encoding = "base64"
    async with tenant.sender() as sender:
        for _ in range(2):
            receipts = await asyncio.gather(*(sender.send(message) for message in mails(tenant, 5)))
            assert all(receipt.accepted for receipt in receipts)
    assert len(tenant.fake.delivered) == 10
    assert len(tenant.fake.calls("/$batch")) == 1


# SND-06
async def test_a_token_that_ends_inside_a_batch_is_renewed(tenant: Tenant) -> None:
    """Messages that a batch refuses for their token go again with a fresh one; nothing had been sent."""
    tenant.fake.faults.append(Fault(refused(401, "InvalidAuthenticationToken"), "sendMail", times=2))
    outcomes = await send_all(tenant, mails(tenant, 4))
    assert all(isinstance(outcome, Receipt) for outcome in outcomes)
    assert len(tenant.fake.delivered) == 4


@pytest.mark.parametrize("fault", [lose, MALFORMED, refused(504, "GatewayTimeout")])
async def test_a_batch_without_an_answer_is_uncertain(tenant: Tenant, fault: Any) -> None:
    """Where the answer to a batch is lost or cannot be read, each of its messages is uncertain."""
    tenant.fake.faults.append(Fault(fault, "/$batch"))
    messages = mails(tenant, 4)
    outcomes = await send_all(tenant, messages)
    assert all(isinstance(outcome, Uncertain) for outcome in outcomes)
    receipts = [outcome.receipt for outcome in outcomes if isinstance(outcome, MailportError)]
    assert [receipt and receipt.message_id for receipt in receipts] == [message.message_id for message in messages]


async def test_a_refused_batch_is_refused_for_all(tenant: Tenant) -> None:
    """Where the batch as a whole is refused, nothing was sent, and every message is told so."""
    tenant.fake.faults.append(Fault(refused(403, "Authorization_RequestDenied"), "/$batch"))
    outcomes = await send_all(tenant, mails(tenant, 4))
    assert all(isinstance(outcome, PermissionDenied) for outcome in outcomes)
    assert tenant.fake.delivered == []


# REL-03
async def test_a_pause_counts_for_everybody_at_the_mailbox(tenant: Tenant) -> None:
    """After Retry-After no session of the process bothers the mailbox before the pause is over, to the second."""
    now = 1000.0
    tenant.services = type(tenant.services)(clock=lambda: now)
    tenant.fake.faults.append(Fault(throttled("30"), "sendMail"))
    async with tenant.sender() as one, tenant.sender() as other:
        with pytest.raises(Throttled):
            await one.send(tenant.mail())
        now += 29.5
        with pytest.raises(Throttled) as caught:
            await other.send(tenant.mail())
        assert caught.value.retry_after == 0.5
        assert len(tenant.fake.requests) == 1
        now += 1
        assert (await other.send(tenant.mail())).accepted


# REL-03
@pytest.mark.parametrize(("header", "expected"), [("17", 17.0), ("0", 0.0), (None, None), ("soon", None)])
async def test_retry_after_is_told(tenant: Tenant, header: str | None, expected: float | None) -> None:
    """The seconds of Retry-After are the error's; without a readable number there are none."""
    tenant.fake.faults.append(Fault(throttled(header), "sendMail"))
    async with tenant.sender() as sender:
        with pytest.raises(Throttled) as caught:
            await sender.send(tenant.mail())
    assert caught.value.retry_after == expected


async def test_at_most_four_requests_are_in_flight(tenant: Tenant) -> None:
    """Senders and receivers of one mailbox share its four places, batches counted by what the service runs of them."""
    tenant.fake.latency = 0.01
    async with tenant.sender() as one, tenant.sender() as other, tenant.receiver() as receiver:
        work = [sender.send(message) for sender in (one, other) for message in mails(tenant, 30)]
        looks = [one.find(message.message_id) for message in mails(tenant, 10)]
        async with receiver.fetch(None) as deliveries:
            await asyncio.gather(*work, *looks, *(anext(aiter(deliveries), None) for _ in range(3)))
    assert tenant.fake.peak <= 4
    assert len(tenant.fake.delivered) == 60


async def test_a_cut_batch_is_unsent_or_uncertain(tenant: Tenant) -> None:
    """A connection that breaks under a batch loses nothing: what is not uncertain was not sent."""
    tenant.fake.faults.append(Fault(cut, "/$batch"))
    outcomes = await send_all(tenant, mails(tenant, 4))
    assert all(isinstance(outcome, Uncertain) for outcome in outcomes)
    assert tenant.fake.delivered == []


async def test_no_message_is_left_behind(tenant: Tenant) -> None:
    """A message that comes in the moment in which the last one was answered is sent as well."""

    async def chain(sender: Sender, n: int) -> None:
        for message in mails(tenant, 12 + n):
            assert (await sender.send(message)).accepted

    async with tenant.sender() as sender:
        await asyncio.wait_for(asyncio.gather(*(chain(sender, n) for n in range(6))), 30)
    assert len(tenant.fake.delivered) == sum(12 + n for n in range(6))
