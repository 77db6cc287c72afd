"""Test Connection names the first cause of every fault: rung and code, field, and a remedy for an administrator."""

import dataclasses
import json
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from socket import create_server, socket
from typing import Any

import pytest

from mailport.diagnosis import Report, State
from mailport.egress import EgressPolicy
from mailport.services import Services
from mailport.transport import Rung
from tests.peers.fake_ews import faults
from tests.peers.fake_ews.answers import Failed
from tests.peers.fake_ews.server import FakeEws
from tests.peers.pki import Pki
from tests.peers.ports import free_port
from tests.peers.token_endpoint import MALFORMED, SERVER_ERROR, TokenEndpoint, TokenFault, throttled
from tests.plugins.ews.conftest import USER
from tests.plugins.ews.sessions import climb, incoming, outgoing

PATH = "/EWS/Exchange.asmx"


@dataclasses.dataclass(frozen=True)
class Case:
    """A fault of the server, a change of the settings, and what is told of it: code, field and words of the remedy."""

    code: str
    field: str | None
    remedy: str
    fault: faults.Fault | None = None
    changes: dict[str, Any] = dataclasses.field(default_factory=dict)
    prepare: Callable[[FakeEws], None] = lambda _: None


def cause(report: Report, case: Case) -> None:
    """The report's first failure is what the case says."""
    found = report.cause
    assert found is not None
    assert (found.code, found.field) == (case.code, case.field), found
    assert case.remedy in found.remedy, found
    assert [result.state for result in report.rungs].count(State.FAILED) == 1


def item(code: str, operation: str = "GetFolder", **more: Any) -> faults.Fault:
    """Exchange refuses an operation."""
    return faults.soap(Failed(code, **more), operation=operation, times=None)


def deny(ews: FakeEws) -> None:
    ews.users.add("service@example.org", ews.users.passwords[USER])
    ews.add_mailbox("service@example.org")


PASSWORD = {
    "unknown host": Case("name.unknown", "host", "spelling", changes={"host": f"https://no-such-host.invalid{PATH}"}),
    "nobody listens": Case("connect.refused", "host", "port", changes={"host": f"https://127.0.0.1:{free_port()}{PATH}"}),
    "unknown authority": Case("tls.certificate_authority", "ca_certificates", "authority", changes={"ca_certificates": ""}),
    "no EWS here": Case("greeting.not_exchange", "host", "Get-WebServicesVirtualDirectory", faults.status(404)),
    "sent to a sign-in page": Case(
        "greeting.redirected", "host", "external address", faults.status(302, headers={"Location": "https://owa.example.org/"})
    ),
    "not available": Case("greeting.unavailable", None, "later", faults.status(503)),
    "gateway": Case("greeting.unavailable", None, "later", faults.status(502)),
    "too many requests": Case("send.throttled", None, "later", faults.status(429, headers={"Retry-After": "5"})),
    "hangs up": Case("connect.cut", None, "later", faults.cut_before()),
    "only tokens": Case(
        "capabilities.auth_missing", "authentication", "AuthLogin", prepare=lambda ews: setattr(ews, "offers", ["Bearer"])
    ),
    "wrong password": Case("authentication.refused", "password", "DOMAIN\\user", changes={"password": "heron-violet-17"}),
    "password expired": Case("authentication.password_expired", "password", "new password", item("ErrorPasswordExpired")),
    "account disabled": Case("authentication.account_disabled", "user_name", "Enable-ADAccount", item("ErrorAccountDisabled")),
    "no licence": Case("permission.mailbox_disabled", "user_name", "licence", item("ErrorInvalidLicense")),
    "EWS is off for the mailbox": Case(
        "permission.denied", "user_name", "Set-CASMailbox", faults.status(403, operation="GetFolder")
    ),
    "no such mailbox": Case(
        "permission.mailbox_missing",
        "user_name",
        "Correct User Name",
        changes={"user_name": "nobody@example.org", "login": USER},
    ),
    "no right to the mailbox": Case(
        "permission.denied", "user_name", "Add-MailboxPermission", prepare=deny, changes={"login": "service@example.org"}
    ),
    "mailbox is moving": Case("folder.mailbox_moving", None, "later", item("ErrorMailboxMoveInProgress")),
    "store is down": Case("folder.mailbox_unavailable", None, "later", item("ErrorMailboxStoreUnavailable")),
    "busy": Case("send.throttled", None, "later", item("ErrorServerBusy", back_off=9000)),
    "another page": Case("greeting.malformed", "host", "address of EWS", faults.text(b"<html/>", operation="GetFolder")),
    "too old": Case("capabilities.version", "host", "Update", item("ErrorInvalidServerVersion")),
    "proxy": Case("connect.refused", "host", "", changes={"proxy_url": f"http://127.0.0.1:{free_port()}"}),
}


@pytest.mark.parametrize("name", PASSWORD)
async def test_faults_with_a_password(name: str, ews: FakeEws, plain: dict[str, Any]) -> None:
    """Each fault fails at its own rung with its code, the field at fault and what to do."""
    # TST-07
    case = PASSWORD[name]
    case.prepare(ews)
    ews.faults += [case.fault] if case.fault else []
    report = await climb(outgoing(plain | case.changes))
    if name == "proxy":  # which the egress policy dials
        assert report.cause is not None
        assert report.cause.code.startswith("connect.")
    else:
        cause(report, case)


def entra(error: str, number: int, status: int = 401) -> TokenFault:
    """A refusal as Entra words it."""
    said = {"error": error, "error_description": f"AADSTS{number}: In words. Trace ID: 1", "error_codes": [number]}
    return TokenFault(status, json.dumps(said).encode(), {"Content-Type": "application/json"})


TOKEN: dict[str, tuple[TokenFault, Case]] = {
    "secret's id": (
        entra("invalid_client", 7000215),
        Case("authentication.secret_wrong", "client_secret_key", "value, not its id"),
    ),
    "secret expired": (
        entra("invalid_client", 7000222),
        Case("authentication.secret_expired", "client_secret_key", "expired"),
    ),
    "unknown application": (
        entra("unauthorized_client", 700016, 400),
        Case("authentication.client_unknown", "client_id", "admin consent"),
    ),
    "disabled application": (
        entra("unauthorized_client", 7000112, 400),
        Case("authentication.client_disabled", "client_id", "Enterprise applications"),
    ),
    "unknown tenant": (
        entra("invalid_request", 90002, 400),
        Case("authentication.tenant_unknown", "client_tenant_id", "no such tenant"),
    ),
    "another cloud": (
        entra("invalid_request", 900382, 400),
        Case("authentication.cloud", "client_login_url", "Client Login URL"),
    ),
    "unknown resource": (
        entra("invalid_resource", 500011, 400),
        Case("authentication.scope", "client_resource_url", "resource"),
    ),
    "conditional access": (
        entra("interaction_required", 53003, 400),
        Case("authentication.conditional_access", "client_id", "Conditional Access"),
    ),
    "a number that nobody knows": (
        entra("invalid_client", 999999),
        Case("authentication.client_refused", "client_secret_key", "new secret"),
    ),
    "throttled": (throttled("12"), Case("authentication.token_throttled", None, "later")),
    "server error": (SERVER_ERROR, Case("authentication.token_unavailable", None, "later")),
    "malformed": (MALFORMED, Case("authentication.token_malformed", "client_login_url", "Client Login URL")),
}


@pytest.mark.parametrize("name", TOKEN)
async def test_faults_of_the_token_server(name: str, oauth: dict[str, Any], tokens: TokenEndpoint) -> None:
    """What the token server refuses is told by its OAuth error, with a remedy for Entra's number."""
    # REL-06
    fault, case = TOKEN[name]
    tokens.faults.append(fault)
    cause(await climb(outgoing(oauth)), case)


APPLICATION = {
    "no right to act for the mailbox": Case(
        "permission.impersonation", "user_name", "ApplicationImpersonation", prepare=lambda ews: ews.denied.add(USER)
    ),
    "token refused": Case(
        "authentication.token_refused",
        "client_resource_url",
        "full_access_as_app",
        faults.status(401, operation="GetFolder", times=None),
    ),
    "no tokens wanted": Case(
        "authentication.token_refused", "client_resource_url", "audience", prepare=lambda ews: setattr(ews, "offers", ["Basic"])
    ),
    "unknown mailbox": Case("permission.mailbox_missing", "user_name", "licence", changes={"user_name": "nobody@example.org"}),
    "token server is not there": Case(
        "authentication.token_connect_refused",
        "client_login_url",
        "port",
        changes={"client_login_url": f"https://127.0.0.1:{free_port()}/"},
    ),
    "token server is not reachable by name": Case(
        "authentication.token_name_unknown", "client_login_url", "spelling", changes={"client_login_url": "https://no.invalid/"}
    ),
}


@pytest.mark.parametrize("name", APPLICATION)
async def test_faults_with_a_token(name: str, ews: FakeEws, oauth: dict[str, Any]) -> None:
    """An application that may not act for the mailbox, or whose token is refused, is told which right to grant."""
    case = APPLICATION[name]
    case.prepare(ews)
    ews.faults += [case.fault] if case.fault else []
    cause(await climb(outgoing(oauth | case.changes)), case)


@pytest.mark.parametrize(
    ("certificate", "code"), [("expired", "tls.certificate_expired"), ("wrong_name", "tls.certificate_name")]
)
async def test_bad_certificates(certificate: str, code: str, plain: dict[str, Any], pki: Pki, tmp_path: Path) -> None:
    """A certificate that has ended, or is for another name, is told at the host."""
    with FakeEws(pki.server_context(getattr(pki, certificate)), tmp_path) as bad:
        report = await climb(outgoing(plain | {"host": bad.url}))
    cause(report, Case(code, "host", ""))


async def test_old_tls(plain: dict[str, Any], pki: Pki, tmp_path: Path) -> None:
    """A server without a TLS version that the account allows is told at the version."""
    context = pki.server_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with FakeEws(context, tmp_path) as old:
        report = await climb(outgoing(plain | {"host": old.url, "minimum_tls_version": "1.3"}))
    cause(report, Case("tls.version", "minimum_tls_version", "TLS"))


def _answer_plainly(server: socket) -> None:
    connection, _ = server.accept()
    connection.settimeout(10)
    with connection:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.recv(1000)


async def test_a_port_without_tls(plain: dict[str, Any]) -> None:
    """A port that speaks something else than TLS is told at the host."""
    with create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)  # else nobody ends the wait of a thread whose client stays away
        thread = threading.Thread(target=_answer_plainly, args=[server])
        thread.start()
        report = await climb(outgoing(plain | {"host": f"https://127.0.0.1:{server.getsockname()[1]}{PATH}"}))
        thread.join()
    cause(report, Case("tls.not_tls", "host", "443"))


async def test_a_server_that_says_nothing(ews: FakeEws, plain: dict[str, Any]) -> None:
    """A server that stays silent is told within Send Mail Timeout."""
    # OUT-22 TST-10
    ews.silent = True
    report = await climb(outgoing(plain, send_mail_timeout=1))
    assert report.cause is not None
    assert report.cause.code in ("greeting.timeout", "connect.timeout")


async def test_a_host_that_is_not_allowed(plain: dict[str, Any]) -> None:
    """A host that the operator does not allow is told at the rung EGRESS."""
    report = await climb(outgoing(plain), Services(egress=EgressPolicy(public_only=True)))
    cause(report, Case("egress.refused", "host", "operator"))


@pytest.mark.parametrize("direction", [outgoing, incoming])
async def test_a_missing_folder(direction: Any, ews: FakeEws, plain: dict[str, Any]) -> None:
    """An inbox whose folder is missing fails at the rung FOLDER; sending does not look at it."""
    # TST-11
    report = await climb(direction(plain | {"folder": "Nowhere"}))
    if direction is incoming:
        cause(report, Case("folder.missing", "folder", "Correct Folder"))
    else:
        assert report.passed


@pytest.mark.parametrize("direction", [outgoing, incoming])
async def test_a_good_account_tells_what_it_found(direction: Any, plain: dict[str, Any]) -> None:
    """Every rung of a good account passes and says what was found."""
    report = await climb(direction(plain))
    assert report.passed
    said = {result.rung: result.said for result in report.rungs if result.state is State.PASSED}
    assert "basic" in said[Rung.CAPABILITIES]
    assert USER in said[Rung.PERMISSION]
    assert said[Rung.FOLDER]
