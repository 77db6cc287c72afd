"""Signing in to IMAP and POP3: one mechanism, one attempt, and errors that tell who must act."""

from collections.abc import Iterator
from typing import Any

import pytest

from mailport.errors import (
    AuthenticationFailed,
    ConfigurationError,
    MailportError,
    PermissionDenied,
    Throttled,
    Unreachable,
)
from tests.peers.dialogue import Plan
from tests.peers.dovecot import Dovecot, serve_dovecot
from tests.peers.faults import DISCONNECT, reply_then
from tests.peers.mailbox import Mailbox
from tests.peers.pki import Pki
from tests.peers.scripted_imap import ScriptedImap
from tests.peers.scripted_pop3 import ScriptedPop3
from tests.peers.token_endpoint import TokenEndpoint
from tests.peers.token_grant import Client
from tests.peers.tokens import TokenIssuer
from tests.plugins.smtp.receiving import PASSWORD, USER, contents, failure, mail, of_dovecot, scripted

both = pytest.mark.parametrize("protocol", ["imap", "pop3"])


def imap(*offered: str, script: dict[str, Plan] | None = None, **more: Any) -> ScriptedImap:
    """A server with these capabilities."""
    return ScriptedImap(script, capabilities=("IMAP4rev1", *offered), users={USER: PASSWORD}, **more)


def pop3(*offered: str, script: dict[str, Plan] | None = None, **more: Any) -> ScriptedPop3:
    """A server with these capabilities."""
    return ScriptedPop3(script, capabilities=("UIDL", *offered), users={USER: PASSWORD}, **more)


@pytest.mark.parametrize(
    ("make", "offered", "authentication", "mechanism"),
    [
        (imap, ["AUTH=PLAIN", "AUTH=LOGIN"], "auth_login", "PLAIN"),
        (imap, [], "auth_login", "LOGIN"),
        (imap, ["AUTH=PLAIN"], "plain", "PLAIN"),
        (imap, ["AUTH=PLAIN", "LOGINDISABLED"], "auth_login", "PLAIN"),
        (pop3, ["SASL PLAIN LOGIN", "USER"], "auth_login", "PLAIN"),
        (pop3, ["USER"], "auth_login", "USER"),
        (pop3, ["SASL PLAIN", "USER"], "plain", "PLAIN"),
    ],
)
async def test_one_mechanism_is_chosen(make: Any, offered: list[str], authentication: str, mechanism: str) -> None:
    """The best mechanism that the server offers and the option allows is used, and no other."""
    with make(*offered) as server:
        assert await contents(scripted(server, authentication=authentication)) == []
        assert [login.mechanism for login in server.logins] == [mechanism]


async def test_a_pop3_server_without_capa_gets_user_and_pass() -> None:
    """A server that does not know CAPA is one of before SASL."""
    with pop3(script={"CAPA": "-ERR what?"}) as server:
        assert await contents(scripted(server)) == []
        assert [login.mechanism for login in server.logins] == ["USER"]


async def test_scram_keeps_the_password_here(mailbox: Mailbox) -> None:
    """Where the server offers SCRAM, the password never leaves."""
    assert await contents(of_dovecot("imap", mailbox.server, mailbox.address, mailbox.password)) == []
    assert f"Login: user=<{mailbox.address}>, method=SCRAM-SHA-256" in mailbox.server.log


@pytest.mark.parametrize(
    ("make", "offered", "changes", "field"),
    [
        (imap, ["LOGINDISABLED"], {}, "authentication"),
        (imap, ["AUTH=LOGIN"], {"authentication": "plain"}, "authentication"),
        (imap, ["AUTH=GSSAPI", "LOGINDISABLED", "STARTTLS"], {}, "use_ssl_tls"),
        (pop3, ["SASL CRAM-MD5"], {}, "authentication"),
        (pop3, ["USER"], {"authentication": "plain"}, "authentication"),
        (pop3, ["STLS"], {}, "use_ssl_tls"),
    ],
)
async def test_no_suitable_mechanism(make: Any, offered: list[str], changes: dict[str, str], field: str) -> None:
    """Where the server offers nothing suitable nothing is tried, and the setting at fault is named."""
    with make(*offered) as server:
        error = await failure(scripted(server, **changes))
        assert isinstance(error, ConfigurationError)
        assert (error.code, error.field) == ("capabilities.auth_missing", field)
        assert server.logins == []


@pytest.mark.parametrize("make", [imap, pop3])
@pytest.mark.parametrize("offered", [["AUTH=PLAIN", "AUTH=LOGIN", "SASL PLAIN LOGIN", "USER"], ["USER"]])
async def test_a_wrong_password_is_tried_once(make: Any, offered: list[str]) -> None:
    """A refused password is not tried again with another mechanism: servers lock accounts."""  # REL-06
    with make(*offered) as server:
        error = await failure(scripted(server, password="heron-violet-17"))
        assert isinstance(error, AuthenticationFailed)
        assert (error.code, error.field) == ("authentication.refused", "password")
        assert len(server.logins) == server.connections == 1


@both
async def test_dovecot_refuses_a_wrong_password(protocol: str, mailbox: Mailbox) -> None:
    """The refusal of a real server is understood."""
    error = await failure(of_dovecot(protocol, mailbox.server, mailbox.address, "heron-violet-17"))
    assert isinstance(error, AuthenticationFailed)
    assert "heron" not in str(error)


@both
@pytest.mark.parametrize("authentication", ["auth_login", "plain"])
async def test_a_password_of_any_alphabet(protocol: str, authentication: str, dovecot: Dovecot) -> None:
    """A password with other than ASCII characters, spaces and quotes signs in."""
    user, password = f"{protocol}-{authentication}@example.test", 'Grüße 例え " \\ %'
    dovecot.add_user(user, password)
    assert await contents(of_dovecot(protocol, dovecot, user, password, authentication=authentication)) == []


async def test_login_quotes_what_needs_it() -> None:
    """The LOGIN command takes names and passwords with spaces, quotes and backslashes."""
    user, password = 'ann "x" \\ b', 'a"b\\c d'
    with ScriptedImap(capabilities=("IMAP4rev1",), users={user: password}) as server:
        assert await contents(scripted(server, login=user, password=password)) == []


async def test_login_takes_ascii_only() -> None:
    """Where only LOGIN is offered, a password of another alphabet is not guessed at."""
    with imap() as server:
        error = await failure(scripted(server, password="Grüße"))
        assert (error.code, error.field) == ("authentication.not_ascii", "password")
        assert server.logins == []


@pytest.mark.parametrize(
    ("make", "verb", "reply", "kind", "code"),
    [
        (imap, "AUTHENTICATE", "{tag} NO [UNAVAILABLE] later", Unreachable, "unavailable"),
        (imap, "AUTHENTICATE", "{tag} NO Temporary authentication failure", Unreachable, "unavailable"),
        (imap, "AUTHENTICATE", "{tag} NO [LIMIT] too many", Throttled, "throttled"),
        (imap, "AUTHENTICATE", "{tag} NO [EXPIRED] renew it", AuthenticationFailed, "password_expired"),
        (imap, "AUTHENTICATE", "{tag} NO [AUTHORIZATIONFAILED] no", PermissionDenied, "denied"),
        (imap, "AUTHENTICATE", "{tag} NO [PRIVACYREQUIRED] no", ConfigurationError, "tls_required"),
        (imap, "AUTHENTICATE", reply_then("* BYE Too many simultaneous connections"), Throttled, "too_many_connections"),
        (imap, "AUTHENTICATE", DISCONNECT, Unreachable, "cut"),
        (pop3, "AUTH", "-ERR [IN-USE] locked by another session", Throttled, "throttled"),
        (pop3, "AUTH", "-ERR [LOGIN-DELAY] wait", Throttled, "throttled"),
        (pop3, "AUTH", "-ERR [SYS/TEMP] database", Unreachable, "unavailable"),
        (pop3, "AUTH", "-ERR [SYS/PERM] no mailbox", PermissionDenied, "contact_administrator"),
        (pop3, "AUTH", "-ERR maildrop locked, try again later", Unreachable, "unavailable"),
        (pop3, "AUTH", "-ERR [AUTH] no", AuthenticationFailed, "refused"),
        (pop3, "AUTH", DISCONNECT, Unreachable, "cut"),
    ],
)
async def test_other_failures_blame_no_credentials(
    make: Any, verb: str, reply: Any, kind: type[MailportError], code: str
) -> None:
    """Only a refusal of the credentials asks a person for new ones."""  # REL-06
    with make("AUTH=PLAIN", "SASL PLAIN", script={verb: reply}) as server:
        error = await failure(scripted(server))
    assert type(error) is kind
    assert error.code == f"authentication.{code}"


# Tokens


@pytest.fixture
def token_settings(token_endpoint: TokenEndpoint, pki: Pki) -> dict[str, Any]:
    """Settings for tokens that open the mailbox of `USER`."""
    token_endpoint.clients["client-1"] = Client(USER, secret="client-secret")
    return {
        "authentication": "xoauth2",
        "token_url": token_endpoint.url,
        "scope": "mail",
        "client_id": "client-1",
        "client_secret_key": "client-secret",
        "ca_certificates": pki.ca_pem,
    }


@pytest.fixture(scope="module", params=["xoauth2", "oauthbearer"])
def token_dovecot(request: pytest.FixtureRequest, pki: Pki, token_issuer: TokenIssuer) -> Iterator[Dovecot]:
    """A Dovecot that takes tokens by one mechanism."""
    offered = f"auth_mechanisms = {request.param}"
    with serve_dovecot(pki, token_keys=token_issuer.folder, extra=offered) as server:
        server.deliver(USER, mail("By token"))
        yield server


@both
async def test_a_token_signs_in(protocol: str, token_dovecot: Dovecot, token_settings: dict[str, Any]) -> None:
    """A token of the identity provider opens the mailbox, by XOAUTH2 as well as by OAUTHBEARER."""  # PLS-02
    account = of_dovecot(protocol, token_dovecot, USER, "", "TLS", **token_settings)
    assert await contents(account) == [mail("By token")]


@both
async def test_a_refused_token_is_explained(
    protocol: str, token_dovecot: Dovecot, token_settings: dict[str, Any], token_endpoint: TokenEndpoint
) -> None:
    """A token that the server refuses is renewed once; then the error tells what the server said about it."""
    account = of_dovecot(protocol, token_dovecot, "other@example.test", "", "TLS", **token_settings)
    error = await failure(account)
    assert isinstance(error, AuthenticationFailed)
    assert (error.code, error.field) == ("authentication.refused", "user_name")
    assert "invalid_token" in str(error) or "401" in str(error)
    assert len(token_endpoint.requests) == 2


@pytest.mark.parametrize(
    ("make", "verb", "refusal"),
    [
        (ScriptedImap, "AUTHENTICATE", "{tag} NO [AUTHENTICATIONFAILED] expired"),
        (ScriptedPop3, "AUTH", "-ERR [AUTH] expired"),
    ],
)
async def test_a_revoked_token_is_replaced(
    make: Any, verb: str, refusal: str, token_settings: dict[str, Any], token_endpoint: TokenEndpoint
) -> None:
    """A token that was revoked before its time is replaced without anybody noticing."""
    with make({verb: [refusal]}) as server:
        assert await contents(scripted(server, **token_settings)) == []
        assert len(token_endpoint.requests) == 2
        assert len({login.secret for login in server.logins}) == 1


@pytest.mark.parametrize("make", [ScriptedImap, ScriptedPop3])
@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
async def test_the_challenge_is_told(make: Any, mechanism: str, token_settings: dict[str, Any]) -> None:
    """The JSON in which a server says why it refuses a token stands in the error, the token does not."""
    offered = ("IMAP4rev1", f"AUTH={mechanism}", f"SASL {mechanism}", "UIDL")
    with make(users={}, capabilities=offered) as server:
        error = await failure(scripted(server, **token_settings))
        assert "status 401" in str(error)
        assert "scope mail" in str(error)
        assert server.logins[0].mechanism == mechanism
        assert server.logins[0].secret not in str(error)


async def test_a_token_is_not_in_the_command(token_settings: dict[str, Any]) -> None:
    """By POP3 the token follows the server's "+": Exchange ends the session when it stands in the command."""
    with ScriptedPop3() as server:
        await contents(scripted(server, **token_settings))
        assert b"AUTH XOAUTH2" in server.received
