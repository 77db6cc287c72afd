"""Delta rounds, bytes and post-processing."""

from typing import Any

import pytest

from mailport.errors import ConfigurationError, NotFound, PermissionDenied, Throttled, Unreachable
from mailport.testing.messages import incoming
from mailport.transport import Action, ActionKind, Cursor, Delivery
from tests.peers.fake_graph_faults import MALFORMED, NOT_GRAPH, Fault, Step, cut, refused, replied, throttled, truncated
from tests.peers.fake_graph_http import Reply
from tests.plugins.graph.tenant import Tenant

READ, DELETE = Action(ActionKind.MARK_READ), Action(ActionKind.DELETE)
ARCHIVE = Action(ActionKind.MOVE, "Archive")


def fill(tenant: Tenant, count: int, *, size: int = 0, folder: str = "F-inbox") -> list[str]:
    return [tenant.mailbox.add(folder, raw=incoming(f"No. {n}", size=size)).id for n in range(count)]


async def fetch(tenant: Tenant, cursor: Cursor = None, limit: int | None = None, **settings: Any) -> tuple[list[str], Cursor]:
    """One round without reading; keys and the cursor at its end."""
    async with tenant.receiver(**settings) as receiver, receiver.fetch(cursor, limit) as deliveries:
        return [delivery.key async for delivery in deliveries], deliveries.cursor


async def listed(tenant: Tenant) -> list[Delivery]:
    async with tenant.receiver() as receiver, receiver.fetch(None) as deliveries:
        return [delivery async for delivery in deliveries]


# Rounds


async def test_pages_are_followed(tenant: Tenant) -> None:
    """A folder with more messages than a page is listed page by page, each once."""
    keys = fill(tenant, 250)
    assert (await fetch(tenant))[0] == keys
    assert len(tenant.fake.calls("delta")) == 3


async def test_what_we_change_does_not_come_again(tenant: Tenant) -> None:
    """Marking messages as read brings none of them into the next round."""
    fill(tenant, 3)
    async with tenant.receiver() as receiver, receiver.fetch(None) as deliveries:
        seen = [delivery async for delivery in deliveries]
        await receiver.acknowledge(seen, READ)
    assert (await fetch(tenant, deliveries.cursor))[0] == []


async def test_the_bounds_of_pages_and_limits_do_not_matter(tenant: Tenant) -> None:
    """Rounds of any limit, one after another, list each message once."""
    keys = fill(tenant, 11)
    for limit in (1, 2, 3, 5, 11, 12):
        cursor: Cursor = None
        seen: list[str] = []
        for _ in range(13):
            found, cursor = await fetch(tenant, cursor, limit)
            seen += found
        assert seen == keys


async def test_a_lost_state_leads_to_a_resync_without_duplicates(tenant: Tenant) -> None:
    """410 is ``NotFound``; read from the beginning, each message has the key that the host knows already."""
    known = set(fill(tenant, 3))
    _, cursor = await fetch(tenant)
    tenant.mailbox.tokens.clear()
    later = fill(tenant, 2)
    with pytest.raises(NotFound) as caught:
        await fetch(tenant, cursor)
    assert caught.value.code == "read.cursor"
    assert [key for key in (await fetch(tenant))[0] if key not in known] == later


async def test_a_state_lost_in_mid_round_is_told(tenant: Tenant) -> None:
    """A next link that the service forgot ends the round with ``NotFound``; what was yielded keeps its cursors."""
    fill(tenant, 120)
    async with tenant.receiver() as receiver, receiver.fetch(None) as deliveries:
        iterator = aiter(deliveries)
        for _ in range(100):
            await anext(iterator)
        tenant.mailbox.tokens.clear()
        with pytest.raises(NotFound) as caught:
            await anext(iterator)
    assert caught.value.code == "read.cursor"
    assert deliveries.cursor is None


async def test_a_cursor_belongs_to_its_folder(tenant: Tenant) -> None:
    """A cursor of another folder is no longer known: the folder's setting was changed meanwhile."""
    tenant.mailbox.make_folder("Tickets")
    _, cursor = await fetch(tenant)
    with pytest.raises(NotFound) as caught:
        await fetch(tenant, cursor, folder="Tickets")
    assert caught.value.code == "read.cursor"


@pytest.mark.parametrize("link", ["https://elsewhere.example.test/v1.0/users/x", "http://{host}/v1.0/users/x", "/x", None, 5])
async def test_a_link_to_another_host_is_not_followed(tenant: Tenant, link: Any) -> None:
    """A next link that leads away from the service would show it our token: it is refused."""
    fill(tenant, 1)
    host = tenant.fake.service.removeprefix("https://")
    told = link.replace("{host}", host) if isinstance(link, str) else link

    async def mislead(work: Step) -> Reply:
        reply = await work()
        body = reply.body.replace(b'"@odata.deltaLink": "', b'"@odata.nextLink": "' + str(told).encode() + b'", "x@odata.y": "')
        return Reply(reply.status, body, reply.headers)

    tenant.fake.judged = False
    tenant.fake.faults.append(Fault(mislead, "delta"))
    with pytest.raises(Unreachable) as caught:
        await fetch(tenant)
    assert caught.value.code == "greeting.malformed"


async def test_an_endless_page_ends(tenant: Tenant) -> None:
    """A page whose next link leads to itself ends in an error."""
    fill(tenant, 1)
    link = f"{tenant.fake.service}/v1.0/users/x/delta?$skiptoken=1"
    page = Reply(200, b'{"value": [], "@odata.nextLink": "%s"}' % link.encode(), {"Content-Type": "application/json"})
    tenant.fake.faults.append(Fault(replied(page), "delta", times=5))
    with pytest.raises(Unreachable):
        await fetch(tenant)
    assert len(tenant.fake.calls("delta")) == 2


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (MALFORMED, Unreachable),
        (NOT_GRAPH, Unreachable),
        (truncated(20), Unreachable),
        (cut, Unreachable),
        (refused(503, "ServiceUnavailable", headers={"Retry-After": "3"}), Throttled),
        (refused(500, "InternalServerError"), Unreachable),
        (throttled("5"), Throttled),
        (refused(403, "ErrorAccessDenied"), PermissionDenied),
        (refused(404, "ErrorInvalidUser"), ConfigurationError),
        (refused(401, "InvalidAuthenticationToken"), None),
    ],
)
async def test_a_fault_ends_the_round_and_a_token_is_renewed(tenant: Tenant, fault: Any, error: type[Exception] | None) -> None:
    """A round that meets a fault ends in the error that says what to do; a refused token is renewed on the way."""
    keys = fill(tenant, 2)
    tenant.fake.faults.append(Fault(fault, "delta"))
    if error is not None:
        with pytest.raises(error):
            await fetch(tenant)
        tenant.services = type(tenant.services)(clock=lambda: 1e12)  # the pause is over
    assert (await fetch(tenant))[0] == keys


# Folders


@pytest.mark.parametrize("name", ["INBOX", "inbox", "Inbox"])
async def test_the_inbox_has_one_name(tenant: Tenant, name: str) -> None:
    """The inbox is found whatever its name in the mailbox's language."""
    keys = fill(tenant, 1)
    assert (await fetch(tenant, folder=name))[0] == keys


async def test_a_folder_may_be_a_path(tenant: Tenant) -> None:
    """A folder inside others is named by its path, from a well-known one or from the top."""
    inside = tenant.mailbox.make_folder("O'Neill & Söhne", "F-inbox")
    deeper = tenant.mailbox.make_folder("Tickets", inside)
    keys = fill(tenant, 1, folder=deeper)
    assert (await fetch(tenant, folder="Inbox/O'Neill & Söhne/Tickets"))[0] == keys
    with pytest.raises(NotFound) as caught:
        await fetch(tenant, folder="Inbox/Missing")
    assert (caught.value.code, caught.value.field) == ("folder.missing", "folder")


async def test_a_target_path_is_created(tenant: Tenant) -> None:
    """Moving into a path creates the folders that are missing, once."""
    fill(tenant, 25)
    async with tenant.receiver() as receiver, receiver.fetch(None) as deliveries:
        seen = [delivery async for delivery in deliveries]
        answers = await receiver.acknowledge(seen, Action(ActionKind.MOVE, "Done/2026"))
    assert all(answer.done for answer in answers)
    parent = tenant.mailbox.named("Done")
    assert len(tenant.mailbox.inside(tenant.mailbox.named("2026", parent or "") or "")) == 25
    assert [answer.new_key for answer in answers] == [delivery.key for delivery in seen]


# Post-processing


@pytest.mark.parametrize("action", [READ, DELETE, ARCHIVE])
async def test_post_processing_is_batched(tenant: Tenant, action: Action) -> None:
    """45 messages are dealt with in three batches."""
    fill(tenant, 45)
    async with tenant.receiver() as receiver, receiver.fetch(None) as deliveries:
        answers = await receiver.acknowledge([delivery async for delivery in deliveries], action)
    assert [answer.done for answer in answers] == [True] * 45
    assert len(tenant.fake.calls("/$batch")) == 3


async def test_each_message_has_its_own_outcome(tenant: Tenant) -> None:
    """One message that cannot be changed fails alone, and one that is gone counts as done."""
    keys = fill(tenant, 4)
    deliveries = await listed(tenant)
    del tenant.mailbox.items[keys[0]]
    tenant.fake.faults.append(Fault(refused(409, "ErrorIrresolvableConflict"), keys[2].rstrip("=")))
    async with tenant.receiver() as receiver:
        answers = await receiver.acknowledge(deliveries, READ)
    assert [answer.done for answer in answers] == [True, True, False, True]
    assert answers[2].error is not None
    assert answers[2].error.code == "read.conflict"


async def test_what_was_done_before_a_failure_is_told(tenant: Tenant) -> None:
    """When a later batch fails, the messages of the earlier ones are told as done, the others with the error."""
    fill(tenant, 45)
    deliveries = await listed(tenant)
    batches = 0

    async def third_fails(work: Step) -> Reply:
        nonlocal batches
        batches += 1
        return await work() if batches < 3 else Reply(500)

    tenant.fake.faults.append(Fault(third_fails, "/$batch", times=3))
    async with tenant.receiver() as receiver:
        answers = await receiver.acknowledge(deliveries, READ)
    assert [answer.done for answer in answers] == [True] * 40 + [False] * 5
    assert all(isinstance(answer.error, Unreachable) for answer in answers[40:])


# Bytes


async def test_many_small_messages_are_read_in_batches(tenant: Tenant) -> None:
    """A host that reads message after message gets small ones in batches ahead: 40 in a few round trips."""
    fill(tenant, 40)
    async with tenant.receiver() as receiver, receiver.fetch(None) as deliveries:
        bodies = {delivery.key: await delivery.read() async for delivery in deliveries}
    assert bodies == {item.id: item.raw for item in tenant.mailbox.items.values()}
    assert len(tenant.fake.calls("$value")) + len(tenant.fake.calls("/$batch")) <= 5


@pytest.mark.parametrize("fault", [cut, MALFORMED, throttled(None)])
async def test_a_failed_batch_is_read_one_by_one(tenant: Tenant, fault: Any) -> None:
    """Where reading ahead fails, each message is read for itself, and none is lost."""
    fill(tenant, 6)
    tenant.fake.faults.append(Fault(fault, "/$batch", times=9))
    async with tenant.receiver() as receiver, receiver.fetch(None) as deliveries:
        bodies = [await delivery.read() async for delivery in deliveries]
    assert bodies == [item.raw for item in tenant.mailbox.items.values()]


async def test_one_message_of_a_batch_may_be_gone(tenant: Tenant) -> None:
    """A message that vanished while others were read ahead is ``NotFound`` when its turn comes."""
    keys = fill(tenant, 4)
    async with tenant.receiver() as receiver, receiver.fetch(None) as deliveries:
        seen = [delivery async for delivery in deliveries]
        del tenant.mailbox.items[keys[2]]
        await seen[0].read()
        await seen[1].read()
        with pytest.raises(NotFound):
            await seen[2].read()
        assert await seen[3].read() == tenant.mailbox.items[keys[3]].raw


async def test_a_truncated_message_is_no_message(tenant: Tenant) -> None:
    """A body that breaks off is an error, never a shorter message."""
    fill(tenant, 1, size=500_000)
    tenant.fake.faults.append(Fault(truncated(300_000), "$value"))
    async with tenant.receiver() as receiver, receiver.fetch(None) as deliveries:
        [delivery] = [delivery async for delivery in deliveries]
        with pytest.raises(Unreachable):
            await delivery.read()
        assert await delivery.read() == tenant.mailbox.items[delivery.key].raw


async def test_slow_readers_hold_up_nobody(tenant: Tenant) -> None:
    """Messages that are read halfway occupy no place at the mailbox: everything else goes on."""
    fill(tenant, 6, size=3_000_000)
    async with tenant.receiver() as receiver, receiver.fetch(None) as deliveries:
        seen = [delivery async for delivery in deliveries]
        readers = [delivery.chunks() for delivery in seen]
        for reader in readers:
            await anext(reader)
        assert all(answer.done for answer in await receiver.acknowledge(seen, READ))
        for reader in readers:
            await reader.aclose()  # type: ignore[attr-defined]  # chunks() is a generator


# SND-06
async def test_a_download_renews_its_token(tenant: Tenant) -> None:
    """A token that ended in mid-round is renewed for a download as well, once."""
    fill(tenant, 1)
    tenant.fake.faults.append(Fault(refused(401, "InvalidAuthenticationToken"), "$value"))
    async with tenant.receiver() as receiver, receiver.fetch(None) as deliveries:
        [body] = [await delivery.read() async for delivery in deliveries]
    assert body == next(iter(tenant.mailbox.items.values())).raw
    assert len(tenant.tokens.requests) == 2
