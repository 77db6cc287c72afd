"""Test Connection names each fault with code, field and a remedy that an administrator can act on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mailport.diagnosis import Report
from mailport.egress import EgressPolicy
from mailport.host import Mailport
from mailport.transport import Rung
from mailport_google.cases import API_CASES, TOKEN_CASES
from tests.peers.fake_gmail import FakeGmail, Fault, failure, refusal
from tests.peers.pki import Pki
from tests.peers.ports import HOST, free_port
from tests.plugins.google.conftest import Google


@dataclass(frozen=True)
class Case:
    """One fault: how to make it, the settings that lead into it, and what the ladder must say."""

    name: str
    rung: Rung
    code: str
    field: str | None
    remedy: str
    make: Callable[[Google], None] = lambda _: None
    settings: Callable[[Google], dict[str, Any]] = lambda _: {}
    host: dict[str, Any] = field(default_factory=dict)
    direction: str = "incoming"


def api(*fault: Any, **more: Any) -> Callable[[Google], None]:
    """A fault of the API at getProfile."""

    def make(google: Google) -> None:
        made = fault[0] if isinstance(fault[0], Fault) else refusal(*fault)
        google.gmail.faults.append(made if not more else Fault(**{**vars(made), **more}))

    return make


def token(error: str, description: str = "", status: int = 400) -> Callable[[Google], None]:
    """A refusal of the token endpoint, in Google's words (not all can be had from a real grant)."""
    body = f'{{"error": "{error}", "error_description": "{description}"}}'.encode()
    return lambda google: google.tokens.faults.append(Fault(status=status, body=body))


def _undelegate(google: Google) -> None:
    next(iter(google.tokens.accounts.values())).delegated.clear()


def _no_user(google: Google) -> None:
    google.tokens.users.clear()


def _no_mailbox(google: Google) -> None:
    google.gmail.mailboxes.clear()


def _late(google: Google) -> None:
    google.tokens.clock_offset = 7200


def _nobody_listens(_: Google) -> dict[str, Any]:
    return {"api_url": f"https://{HOST}:{free_port()}/"}


CASES = [
    Case("name", Rung.NAME, "name.unknown", "api_url", "spelling", settings=lambda _: {"api_url": "https://nothere.invalid/"}),
    Case(
        "egress",
        Rung.EGRESS,
        "egress.refused",
        "api_url",
        "operator",
        host={"egress": EgressPolicy(public_only=True)},
    ),
    Case("refused", Rung.CONNECT, "connect.refused", "api_url", "port", settings=_nobody_listens),
    Case(
        "proxy",
        Rung.CONNECT,
        "connect.proxy",
        "proxy_url",
        "proxy",
        settings=lambda _: {"proxy_url": f"http://{HOST}:{free_port()}"},
    ),
    Case(
        "authority",
        Rung.TLS,
        "tls.certificate_authority",
        "ca_certificates",
        "CA Certificates",
        settings=lambda google: {"ca_certificates": google.other_ca},
    ),
    Case("handshake", Rung.TLS, "tls.cut", "api_url", "", make=lambda google: setattr(google.gmail, "cuts_handshakes", True)),
    Case(
        "key",
        Rung.AUTHENTICATION,
        "authentication.key_unreadable",
        "private_key",
        "JSON key file",
        settings=lambda _: {"private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"},
    ),
    Case(
        "another key",
        Rung.AUTHENTICATION,
        "authentication.key_unknown",
        "private_key",
        "Service Accounts > Keys",
        settings=lambda google: {"private_key": google.other_key},
    ),
    Case(
        "account",
        Rung.AUTHENTICATION,
        "authentication.client_unknown",
        "service_account_address",
        "Service Accounts",
        settings=lambda _: {"service_account_address": "gone@project.iam.gserviceaccount.com"},
    ),
    Case("user", Rung.AUTHENTICATION, "authentication.user_unknown", "user_name", "Directory > Users", make=_no_user),
    Case("clock", Rung.AUTHENTICATION, "authentication.clock", None, "clock", make=_late),
    Case(
        "client",
        Rung.AUTHENTICATION,
        "authentication.client_unknown",
        "service_account_address",
        "Address",
        make=token("invalid_client", "The OAuth client was not found.", 401),
    ),
    Case(
        "grant",
        Rung.AUTHENTICATION,
        "authentication.refused",
        "private_key",
        "Google Cloud console",
        make=token("invalid_grant", "Bad Request"),
    ),
    Case("token 5xx", Rung.AUTHENTICATION, "authentication.token_unavailable", None, "later", make=token("x", status=500)),
    Case("token throttled", Rung.AUTHENTICATION, "authentication.token_throttled", None, "later", make=token("x", status=429)),
    Case(
        "no token",
        Rung.AUTHENTICATION,
        "authentication.token_malformed",
        "token_url",
        "answers in its place",
        make=token("", status=200),
    ),
    Case(
        "delegation",
        Rung.PERMISSION,
        "permission.delegation",
        "service_account_address",
        "domain-wide delegation",
        make=_undelegate,
    ),
    Case(
        "policy",
        Rung.PERMISSION,
        "permission.client_blocked",
        "service_account_address",
        "App access control",
        make=token("admin_policy_enforced", "Access blocked by admin policy"),
    ),
    Case(
        "disabled",
        Rung.AUTHENTICATION,
        "authentication.client_disabled",
        "service_account_address",
        "Enable",
        make=token("invalid_grant", "Invalid grant: account disabled"),
    ),
    Case(
        "scope unknown",
        Rung.PERMISSION,
        "permission.scope_unknown",
        "service_account_address",
        "gmail.modify",
        make=token("invalid_scope", "Some requested scopes were invalid"),
    ),
    Case(
        "401",
        Rung.AUTHENTICATION,
        "authentication.token_refused",
        "private_key",
        "revoked",
        make=api(401, "authError", "Invalid Credentials", times=None),
    ),
    Case(
        "api off",
        Rung.PERMISSION,
        "permission.api_disabled",
        "service_account_address",
        "APIs & Services > Library",
        make=api(403, "accessNotConfigured", "Gmail API has not been used in project 1 before or it is disabled."),
    ),
    Case(
        "scope",
        Rung.PERMISSION,
        "permission.scope",
        "service_account_address",
        "gmail.modify",
        make=api(403, "insufficientPermissions", "Request had insufficient authentication scopes."),
    ),
    Case(
        "domain",
        Rung.PERMISSION,
        "permission.domain_policy",
        "user_name",
        "Manage Google Services",
        make=api(403, "domainPolicy", "The domain administrators have disabled Gmail apps."),
    ),
    Case(
        "delegation denied",
        Rung.PERMISSION,
        "permission.delegation_denied",
        "user_name",
        "User Name",
        make=api(403, "forbidden", "Delegation denied for user@example.test"),
    ),
    Case("denied", Rung.PERMISSION, "permission.denied", "user_name", "delegation", make=api(403, "forbidden", "Forbidden")),
    Case("no mailbox", Rung.PERMISSION, "permission.mailbox_disabled", "user_name", "license", make=_no_mailbox),
    Case("throttled", Rung.PERMISSION, "permission.throttled", None, "Quota", make=api(429, "rateLimitExceeded", "Slow")),
    Case("5xx", Rung.PERMISSION, "permission.unavailable", None, "appsstatus", make=api(failure(502))),
    Case("malformed", Rung.PERMISSION, "permission.malformed", "api_url", "answers in its place", make=api(Fault(garble=True))),
    Case("truncated", Rung.PERMISSION, "permission.cut", None, "later", make=api(Fault(truncate=3))),
    Case("cut", Rung.PERMISSION, "permission.cut", None, "later", make=api(Fault(cut="after"))),
    Case("label", Rung.FOLDER, "folder.missing", "folder", "Parent/Child", settings=lambda _: {"folder": "Nowhere"}),
    Case(
        "read",
        Rung.READ,
        "read.refused",
        None,
        "author",
        make=lambda google: google.gmail.faults.append(refusal(400, "invalidArgument", "No", where="messages.list")),
    ),
]


async def diagnosed(google: Google, direction: str = "incoming", host: dict[str, Any] | None = None, **settings: Any) -> Report:
    async with Mailport(**(host or {})) as port:
        return await port.test_connection(google.account(direction, **settings))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_fault_is_named(google: Google, case: Case) -> None:
    """The first failing rung has the code, the field and a remedy; nothing secret is said; later rungs are skipped."""
    case.make(google)
    report = await diagnosed(google, case.direction, case.host, **case.settings(google))
    cause = report.cause
    assert cause is not None
    assert (cause.rung, cause.code, cause.field) == (case.rung, case.code, case.field)
    assert case.remedy in cause.remedy
    assert google.private_key not in repr(report)
    later = [result.state for result in report.rungs[report.rungs.index(cause) + 1 :]]
    assert set(later) <= {"skipped"}


@pytest.mark.parametrize(
    ("certificate", "code"),
    [("expired", "tls.certificate_expired"), ("wrong_name", "tls.certificate_name")],
)
async def test_a_bad_certificate_is_named(google: Google, pki: Pki, certificate: str, code: str) -> None:
    """An endpoint with a certificate that is expired, or for another name, is told at the rung TLS and at its field."""
    with FakeGmail(pki.server_context(getattr(pki, certificate)), google.tokens) as strange:
        report = await diagnosed(google, api_url=strange.url)
    assert report.cause is not None
    assert (report.cause.rung, report.cause.code, report.cause.field) == (Rung.TLS, code, "api_url")


async def test_an_endpoint_without_tls_is_named(google: Google) -> None:
    """A plain HTTP server on the port is told as such."""

    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, HOST, 0) as server:
        report = await diagnosed(google, api_url=f"https://{HOST}:{server.sockets[0].getsockname()[1]}/")
    assert report.cause is not None
    assert (report.cause.code, report.cause.field) == ("tls.not_tls", "api_url")


async def test_silence_is_named(google: Google) -> None:
    """TST-10: a silent server uses up the budget of the test, and the rung says so."""
    google.gmail.is_silent = True
    report = await diagnosed(google, "outgoing", send_mail_timeout=1)
    assert report.cause is not None
    assert report.cause.rung in (Rung.AUTHENTICATION, Rung.PERMISSION)
    assert report.cause.code.endswith(".timeout")


@pytest.mark.parametrize("direction", ["outgoing", "incoming"])
async def test_a_good_account_climbs_the_ladder(google: Google, direction: str) -> None:
    """Every rung that applies passes, and nothing is sent or changed; a sender needs no right to read."""
    report = await diagnosed(google, direction)
    assert report.passed, report.cause
    passed = {result.rung for result in report.rungs if result.state == "passed"}
    assert passed >= {Rung.NAME, Rung.EGRESS, Rung.CONNECT, Rung.TLS, Rung.AUTHENTICATION, Rung.PERMISSION}
    assert (Rung.FOLDER in passed) == (direction == "incoming")
    assert not google.mailbox.messages


# TST-03
async def test_exactly_one_test_mail_makes_the_round_trip(google: Google) -> None:
    """The test mail goes to User Name and is found again by the receiving account."""
    async with Mailport() as host:
        report = await host.test_connection(google.account(), send=True, round_trip=google.account("incoming"))
    assert report.passed, report.cause
    [sent] = google.mailbox.messages.values()
    assert sent.header("To") == google.user


# TST-07
async def test_three_common_mistakes_give_three_messages(google: Google) -> None:
    """A wrong address, a refused login and an unreachable host are told apart."""
    google.tokens.users.add("known@example.test")
    reports = [
        await diagnosed(google, user_name="unknown@example.test"),
        await diagnosed(google, private_key=google.other_key),
        await diagnosed(google, **_nobody_listens(google)),
    ]
    said = {(report.cause.code, report.cause.said, report.cause.remedy) for report in reports if report.cause}
    assert len({code for code, _, _ in said}) == 3


def test_the_readme_explains_every_refusal() -> None:
    """Each code of the tables stands in the page that administrators read."""
    page = (Path(__file__).parents[3] / "plugins/google/README.md").read_text()
    cases = [*TOKEN_CASES, *(case for cases in API_CASES.values() for case in cases)]
    assert [case.code for case in cases if f"`{case.code}`" not in page] == []
    assert all(case.remedy for case in cases)
