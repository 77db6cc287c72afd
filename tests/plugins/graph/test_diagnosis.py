"""Test Connection names the first cause of each fault, the field at fault, and what an administrator does about it."""

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from dataclasses import field as made
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import mailport_graph.plugin
from mailport.diagnosis import Report, State, diagnose
from mailport.egress import EgressPolicy
from mailport.fields import Direction
from mailport.services import Services
from mailport.testing.messages import incoming
from mailport.transport import Action, ActionKind, Rung
from tests.peers.fake_graph import FakeGraph
from tests.peers.fake_graph_faults import NOT_GRAPH, Behaviour, Fault, refused, throttled
from tests.peers.pki import Pki
from tests.peers.ports import HOST, free_port
from tests.peers.token_endpoint import MALFORMED, SERVER_ERROR, TokenFault
from tests.peers.token_endpoint import throttled as token_throttled
from tests.peers.tokens import TokenIssuer
from tests.plugins.graph.tenant import Tenant

OUT, IN = Direction.OUTGOING, Direction.INCOMING


@dataclass
class Case:
    """A fault, and what the report must say of it."""

    name: str
    rung: Rung
    code: str
    field: str | None
    remedy: str
    arrange: Callable[[Tenant], object] = lambda tenant: None
    direction: Direction = OUT
    changes: dict[str, Any] = made(default_factory=dict)


def entra(error: str, number: int) -> Callable[[Tenant], object]:
    """The token server refuses, in Entra's words."""
    text = f"AADSTS{number}: words for people. Trace ID: x"
    body = {"error": error, "error_description": text, "error_codes": [number], "correlation_id": "c-1"}
    return lambda t: t.tokens.faults.append(TokenFault(401, json.dumps(body).encode(), {"Content-Type": "application/json"}))


def token(fault: TokenFault) -> Callable[[Tenant], object]:
    return lambda tenant: tenant.tokens.faults.append(fault)


def graph(behaviour: Behaviour, match: str = "") -> Callable[[Tenant], object]:
    return lambda tenant: tenant.fake.faults.append(Fault(behaviour, match, times=9))


def set_services(tenant: Tenant) -> None:
    tenant.services = Services(egress=EgressPolicy(public_only=True))


def drop_handshakes(tenant: Tenant) -> None:
    tenant.fake.http.drop_handshakes = True


def hush(tenant: Tenant) -> None:
    tenant.fake.silent = True


ODATA = refused(403, "ErrorAccessDenied", "Access to OData is disabled.")
AUTH, PERMISSION, FOLDER = Rung.AUTHENTICATION, Rung.PERMISSION, Rung.FOLDER
CLOSED = f"https://{HOST}:{free_port()}"
CASES = [
    Case(
        "wrong secret",
        AUTH,
        "authentication.client_refused",
        "client_secret_key",
        "Certificates & secrets",
        changes={"client_secret_key": "no"},
    ),
    Case("secret id", AUTH, "authentication.secret_wrong", "client_secret_key", "Value", entra("invalid_client", 7000215)),
    Case(
        "secret ended", AUTH, "authentication.secret_expired", "client_secret_key", "new one", entra("invalid_client", 7000222)
    ),
    Case("unknown app", AUTH, "authentication.client_unknown", "client_id", "client) ID", entra("unauthorized_client", 700016)),
    Case("app disabled", AUTH, "authentication.client_disabled", "client_id", "Enable", entra("unauthorized_client", 7000112)),
    Case(
        "wrong tenant", AUTH, "authentication.tenant_unknown", "client_tenant_id", "tenant) ID", entra("invalid_request", 90002)
    ),
    Case(
        "certificate",
        AUTH,
        "authentication.certificate_unknown",
        "client_certificate",
        "clock",
        entra("invalid_client", 700027),
    ),
    Case("policy", AUTH, "authentication.conditional_access", "client_id", "Conditional Access", entra("access_denied", 53003)),
    Case("no consent", AUTH, "authentication.consent", "client_id", "Grant admin consent", entra("access_denied", 65001)),
    Case("other cloud", AUTH, "authentication.scope", "cloud", "cloud", entra("invalid_resource", 500011)),
    Case(
        "unknown number",
        AUTH,
        "authentication.client_refused",
        "client_secret_key",
        "error?code=7777777",
        entra("invalid_client", 7777777),
    ),
    Case("login in trouble", AUTH, "authentication.token_unavailable", None, "later", token(SERVER_ERROR)),
    Case("login throttles", AUTH, "authentication.token_throttled", None, "later", token(token_throttled("5"))),
    Case("login unreadable", AUTH, "authentication.token_malformed", "cloud", "proxy", token(MALFORMED)),
    Case("login closed", AUTH, "authentication.token_connect_refused", "cloud", "443", changes={"authority_url": CLOSED}),
    Case(
        "login unknown",
        AUTH,
        "authentication.token_name_unknown",
        "cloud",
        "hosts",
        changes={"authority_url": "https://login.invalid"},
    ),
    Case("graph unknown", Rung.NAME, "name.unknown", "cloud", "spelling", changes={"graph_url": "https://graph.invalid"}),
    Case("not allowed", Rung.EGRESS, "egress.refused", "cloud", "operator", set_services),
    Case("graph closed", Rung.CONNECT, "connect.refused", "cloud", "443", changes={"graph_url": CLOSED}),
    Case("cut in handshake", Rung.TLS, "tls.cut", "cloud", "443", drop_handshakes),
    Case(
        "no permission",
        PERMISSION,
        "permission.denied",
        "client_id",
        "Test-ServicePrincipalAuthorization",
        lambda t: t.fake.permissions.clear(),
    ),
    Case(
        "consent", PERMISSION, "permission.consent", "client_id", "consent", graph(refused(403, "Authorization_RequestDenied"))
    ),
    Case("allow list", PERMISSION, "permission.client_blocked", "client_id", "EwsAllowList", graph(ODATA)),
    Case(
        "suspended", PERMISSION, "permission.suspended", "user_name", "Restricted", graph(refused(403, "ErrorAccountSuspend"))
    ),
    Case(
        "token refused",
        PERMISSION,
        "authentication.token_refused",
        "cloud",
        "host",
        graph(refused(401, "InvalidAuthenticationToken")),
    ),
    Case("throttled", PERMISSION, "send.throttled", None, "pause", graph(throttled("5"))),
    Case("in trouble", PERMISSION, "greeting.unavailable", None, "later", graph(refused(500, "InternalServerError"))),
    Case(
        "no mailbox",
        PERMISSION,
        "permission.mailbox_missing",
        "user_name",
        "primary address",
        changes={"user_name": "nobody@example.test"},
    ),
    Case(
        "on-premises",
        PERMISSION,
        "permission.mailbox_disabled",
        "user_name",
        "licence",
        graph(refused(404, "MailboxNotEnabledForRESTAPI")),
    ),
    Case("no folder", FOLDER, "folder.missing", "folder", "name", direction=IN, changes={"folder": "Nowhere"}),
    Case(
        "may not read", PERMISSION, "permission.denied", "client_id", "Mail.ReadWrite", lambda t: t.fake.permissions.clear(), IN
    ),
    Case("portal", PERMISSION, "greeting.malformed", "cloud", "proxy", graph(NOT_GRAPH), IN),
    Case("silent", PERMISSION, "permission.timeout", None, "Raise Send Mail Timeout", hush, OUT, {"send_mail_timeout": 1}),
]


async def report_of(tenant: Tenant, direction: Direction = OUT, **changes: Any) -> Report:
    account = tenant.account(direction, **changes)
    probe = mailport_graph.plugin.mailport_test_connection(account, tenant.services)
    return await diagnose(account, probe, tenant.services)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_each_fault_has_its_name(tenant: Tenant, case: Case) -> None:
    """The first failed rung tells a stable code, the field at fault and a remedy that names the page or command."""
    case.arrange(tenant)
    cause = (await report_of(tenant, case.direction, **case.changes)).cause
    assert cause is not None
    assert (cause.rung, cause.code, cause.field) == (case.rung, case.code, case.field)
    assert case.remedy in cause.remedy
    assert tenant.secret not in f"{cause}"


BAD_CERTIFICATES = {
    "expired": ("tls.certificate_expired", "cloud"),
    "wrong_name": ("tls.certificate_name", "cloud"),
    "unknown_ca": ("tls.certificate_authority", "ca_certificates"),
}


@pytest.mark.parametrize("certificate", BAD_CERTIFICATES)
async def test_a_bad_certificate_has_its_name(tenant: Tenant, pki: Pki, token_issuer: TokenIssuer, certificate: str) -> None:
    """A certificate that has ended, is for another host or comes from a strange authority fails at TLS."""
    path: Path = getattr(pki, certificate)
    with FakeGraph(token_issuer, pki.server_context(path)) as bad:
        cause = (await report_of(tenant, graph_url=bad.service)).cause
    assert cause is not None
    assert (cause.rung, cause.code, cause.field) == (Rung.TLS, *BAD_CERTIFICATES[certificate])
    assert cause.remedy


@pytest.fixture
def chatterbox() -> Iterator[str]:
    """A port where something speaks first, and no TLS."""
    with socket.create_server((HOST, 0)) as server:
        server.settimeout(10)

        def talk() -> None:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                connection.sendall(b"220 mail.example.test ESMTP\r\n" * 10)
                connection.recv(4096)

        thread = Thread(target=talk)
        thread.start()
        yield f"https://{HOST}:{server.getsockname()[1]}"
    thread.join()


async def test_something_else_on_the_port_is_told(tenant: Tenant, chatterbox: str) -> None:
    """Where no TLS is spoken on the port, the report says that something else answers there."""
    cause = (await report_of(tenant, graph_url=chatterbox)).cause
    assert cause is not None
    assert (cause.rung, cause.code) == (Rung.TLS, "tls.not_tls")
    assert "proxy" in cause.remedy


@pytest.mark.parametrize("direction", [OUT, IN])
async def test_a_good_account_passes_every_rung(tenant: Tenant, direction: Direction) -> None:
    """A good account passes from the name to the mailbox, and nothing was sent or changed."""
    report = await report_of(tenant, direction)
    passed = {result.rung for result in report.rungs if result.state is State.PASSED}
    assert report.passed
    assert passed >= {Rung.NAME, Rung.CONNECT, Rung.TLS, Rung.AUTHENTICATION, Rung.PERMISSION, Rung.FOLDER}
    assert tenant.fake.delivered == []
    assert tenant.mailbox.items == {}


async def test_a_remedy_is_ready_to_run(tenant: Tenant) -> None:
    """The commands of a remedy name the app and the mailbox in question."""
    tenant.fake.permissions.clear()
    cause = (await report_of(tenant)).cause
    assert cause is not None
    assert f"-Identity {tenant.client_id} -Resource {tenant.address}" in cause.remedy


async def test_sending_needs_no_right_to_read(tenant: Tenant) -> None:
    """With Mail.Send alone the test of an outgoing account passes, and so does sending; only the look-up knows nothing."""
    tenant.fake.permissions = {"Mail.Send"}
    assert (await report_of(tenant)).passed
    async with tenant.sender() as sender:
        message = tenant.mail()
        assert (await sender.send(message)).accepted
        assert await sender.find(message.message_id) is None


async def test_reading_needs_no_right_to_change(tenant: Tenant) -> None:
    """With Mail.Read alone the test of an inbox passes, and messages can be read; changing them is refused one by one."""
    tenant.fake.permissions = {"Mail.Read"}
    item = tenant.mailbox.add("F-inbox", raw=incoming("Hello"))
    assert (await report_of(tenant, IN)).passed
    async with tenant.receiver() as receiver, receiver.fetch(None) as deliveries:
        [delivery] = [delivery async for delivery in deliveries]
        assert await delivery.read() == item.raw
        [answer] = await receiver.acknowledge([delivery], Action(ActionKind.MARK_READ))
    assert answer.error is not None
    assert answer.error.code == "permission.denied"
