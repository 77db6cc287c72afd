"""Connections: through the egress policy and a proxy, cut, slow, cancelled; and what a request without an answer means."""

import asyncio
import subprocess
import sys

import pytest

from mailport.content import Attachment
from mailport.egress import EgressPolicy
from mailport.errors import ConfigurationError, Throttled, TimedOut, Uncertain, Unreachable
from mailport.services import Services
from mailport.testing.conformance.checks import eventually
from mailport_graph.gate import CAPACITY, Gate
from mailport_graph.wire import local_link, mime_of
from tests.peers.connect_proxy import ConnectProxy
from tests.peers.fake_graph_faults import Fault, replied
from tests.peers.fake_graph_http import Reply, Request
from tests.plugins.graph.tenant import Tenant

MB = 1024 * 1024


async def forever(_: Request) -> None:
    await asyncio.Event().wait()


# PLS-03
async def test_a_proxy_carries_everything(tenant: Tenant) -> None:
    """With a proxy both token and mail hosts are reached through it, and the certificates are still checked by name."""
    with ConnectProxy() as proxy:
        async with tenant.sender(proxy_url=proxy.url) as sender:
            assert (await sender.send(tenant.mail())).accepted
        hosts = [url.removeprefix("https://") for url in (tenant.values()["authority_url"], tenant.fake.service)]
        assert set(proxy.tunnels) == set(hosts)


# SEC-03
async def test_an_upload_address_is_checked_as_well(tenant: Tenant) -> None:
    """An upload address at a host that may not be reached is refused, and so is one without TLS."""
    tenant.services = Services(egress=EgressPolicy(public_only=True, allowed=("127.0.0.0/8",)))
    big = tenant.mail(attachments=[_file(4 * MB)])
    for url, error in (("https://169.254.169.254/u", ConfigurationError), ("http://127.0.0.1:1/u", Unreachable)):
        session = Reply(201, b'{"uploadUrl": "%s"}' % url.encode(), {"Content-Type": "application/json"})
        tenant.fake.faults.append(Fault(replied(session), "createUploadSession"))
        async with tenant.sender() as sender:
            with pytest.raises(error):
                await sender.send(big)
    assert tenant.fake.delivered == []


def _file(size: int) -> Attachment:
    return Attachment(filename="big.bin", content=b"x" * size)


async def test_a_redirect_is_not_followed(tenant: Tenant) -> None:
    """A redirect would lead the token elsewhere: it is an error."""
    elsewhere = Reply(302, b"", {"Location": "https://elsewhere.example.test/"})
    tenant.fake.faults.append(Fault(replied(elsewhere), "sendMail"))
    async with tenant.sender() as sender:
        with pytest.raises(Unreachable):
            await sender.send(tenant.mail())
    assert len(tenant.fake.requests) == 1


# OUT-22
async def test_progress_resets_the_clock(tenant: Tenant) -> None:
    """An upload that goes on takes as long as it takes; Send Mail Timeout counts silence only."""
    tenant.fake.http.pace = 0.15  # seconds for each of 22 pieces, the last of which lie in the network's buffers
    async with tenant.sender(send_mail_timeout=2) as sender:
        assert (await sender.send(tenant.mail(attachments=[_file(1_550_000)]))).accepted


# OUT-22
async def test_a_stuck_upload_is_unsent(tenant: Tenant) -> None:
    """An upload that stands still ends in a timeout, and the message is unsent: its last byte was never written."""
    tenant.fake.http.before_body = forever
    async with tenant.sender(send_mail_timeout=1) as sender:
        with pytest.raises(TimedOut):
            await sender.send(tenant.mail(attachments=[_file(1_500_000)]))
    assert tenant.fake.delivered == []


async def test_a_cancelled_upload_is_unsent(tenant: Tenant) -> None:
    """Cancelled in mid-upload, what is still in our buffers is dropped: the server never gets a whole message."""

    async def wait(_: Request) -> None:
        tenant.fake.http.pace = 0.01
        await asyncio.sleep(0.3)

    tenant.fake.http.before_body = wait
    async with tenant.sender() as sender:
        sending = asyncio.create_task(sender.send(tenant.mail(attachments=[_file(1_500_000)])))
        await eventually(lambda: bool(tenant.fake.http.open), 10, "a connection")
        await asyncio.sleep(0.1)
        sending.cancel()
        await asyncio.wait([sending])
        await asyncio.sleep(0.5)
    assert sending.cancelled()
    assert tenant.fake.delivered == []


async def test_a_stale_connection_is_not_used(tenant: Tenant) -> None:
    """A connection that the server closed while it was idle is replaced, and the message is sent once."""
    async with tenant.sender() as sender:
        await sender.send(tenant.mail())
        tenant.fake.cut_connections()
        await asyncio.sleep(0.05)
        assert (await sender.send(tenant.mail())).accepted
    assert len(tenant.fake.delivered) == 2


async def test_closing_tells_who_still_waits(tenant: Tenant) -> None:
    """Closing a sender under way tells each message what it is: unsent, or uncertain when it was handed over."""
    sender = tenant.sender(send_mail_timeout=1)
    await sender.open()
    with tenant.fake.holding(tenant.fake.answering):
        sends = [asyncio.create_task(sender.send(tenant.mail())) for _ in range(30)]
        await eventually(lambda: tenant.fake.under_way > 0, 10, "a message under way")
        await sender.close()
        outcomes = await asyncio.gather(*sends, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Uncertain, Unreachable}


# The gate


async def test_a_cancelled_wait_leaves_the_gate_whole() -> None:
    """Whoever gives up waiting at the gate takes no place with him, in whatever moment that happens."""
    gate = Gate()
    clock = asyncio.get_running_loop().time

    async def enter(weight: int) -> None:
        async with gate.place(clock, weight):
            await asyncio.sleep(0.001)

    for _ in range(20):
        tasks = [asyncio.create_task(enter(1 + n % CAPACITY)) for n in range(8)]
        await asyncio.sleep(0.0005)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
    assert gate.idle


async def test_a_cancelled_turn_may_be_passed_over() -> None:
    """A wait that was cancelled and passed over in the same moment ends as cancelled, and nothing else."""
    gate, clock = Gate(), asyncio.get_running_loop().time
    async with gate.place(clock, CAPACITY):
        waiting = asyncio.create_task(gate._enter(1))
        await asyncio.sleep(0)
        waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    assert gate.idle


async def test_a_closed_gate_lets_nobody_in_later_either() -> None:
    """Those who waited when the mailbox asked for a pause are told so as well."""
    gate, now = Gate(), 0.0

    async def enter() -> None:
        async with gate.place(lambda: now, CAPACITY):
            await asyncio.sleep(0.01)
            gate.close_for(10, lambda: now)

    first, second = await asyncio.gather(enter(), enter(), return_exceptions=True)
    assert first is None
    assert isinstance(second, Throttled)
    assert second.retry_after == 10


# Pure functions


@pytest.mark.parametrize(
    ("body", "raw"),
    [("U3ViamVjdDogaGkNCg0KaGk=", b"Subject: hi\r\n\r\nhi"), ("A: b\r\n\r\nhi", b"A: b\r\n\r\nhi"), ("Größe: 1", None)],
)
def test_a_batch_may_answer_mime_in_two_ways(body: str, raw: bytes | None) -> None:
    """MIME inside a batch comes as base64 or as text; a text that lost its bytes is read again for itself."""
    assert mime_of(body) == raw


def test_links_are_local() -> None:
    """A link below the service root is kept as path and query, whatever its default port."""
    assert local_link("https://graph.microsoft.com:443/v1.0/users/x?$a=1", "https://graph.microsoft.com") == "/users/x?$a=1"
    for link in ("https://graph.microsoft.com/beta/users", "https://graph.microsoft.com.evil.test/v1.0/u", "https://[", ""):
        with pytest.raises(Unreachable):
            local_link(link, "https://graph.microsoft.com")


def test_binding_imports_no_msal() -> None:
    """Even a sender that was made has not imported msal: that takes half a second, and is done in the thread."""
    code = (
        "import sys; from mailport_graph import plugin\n"
        "from mailport.account import validate; from mailport.fields import Direction; from mailport.services import Services\n"
        "[graph] = plugin.mailport_fields()\n"
        "values = dict(client_tenant_id='t', client_id='c', client_secret_key='s', user_name='a@example.test')\n"
        "plugin.mailport_send(validate(graph, Direction.OUTGOING, values), Services())\n"
        "print(*(name for name in ('msal', 'requests', 'cryptography') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
