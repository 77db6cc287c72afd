"""Signing in: one mechanism, once, with a password or a token."""

import base64
from typing import Any

import pytest

from mailport.errors import AuthenticationFailed, ConfigurationError
from mailport.fields import Direction
from mailport.services import Services
from mailport_smtp import signin
from mailport_smtp.signin import Credentials, choose, exchange
from tests.peers.dialogue import Dialogue, Step
from tests.peers.mailbox import Mailbox
from tests.peers.pki import Pki
from tests.peers.postfix import Postfix
from tests.peers.scripted_smtp import ScriptedSmtp
from tests.peers.token_endpoint import TokenEndpoint
from tests.peers.token_grant import Client
from tests.peers.tokens import TokenIssuer
from tests.plugins.smtp.outgoing import PASSWORD, SMTP, USER, account, failure_of, login, message, sending

SECRET = "a-secret-that-nobody-must-see"


def with_token(port: int, endpoint: TokenEndpoint, pki: Pki, user: str, **changes: Any) -> Any:
    """An account that signs in with a token of `endpoint`, which knows it as `client-1`."""
    values = {"authentication": "xoauth2", "user_name": user, "token_url": endpoint.url, "scope": "mail"}
    proof = {"client_id": "client-1", "client_secret_key": SECRET, "ca_certificates": pki.ca_pem}
    return account(port, **values | proof | changes)


@pytest.mark.parametrize(
    ("offered", "authentication", "chosen"),
    [
        ("CRAM-MD5 LOGIN PLAIN SCRAM-SHA-1 SCRAM-SHA-256", "auth_login", "SCRAM-SHA-256"),
        ("plain login scram-sha-1", "auth_login", "SCRAM-SHA-1"),
        ("LOGIN PLAIN", "auth_login", "PLAIN"),
        ("LOGIN", "auth_login", "LOGIN"),
        ("SCRAM-SHA-256 PLAIN", "plain", "PLAIN"),
        ("PLAIN OAUTHBEARER XOAUTH2", "xoauth2", "XOAUTH2"),
        ("OAUTHBEARER", "xoauth2", "OAUTHBEARER"),
    ],
)
def test_the_best_mechanism_is_chosen(offered: str, authentication: str, chosen: str) -> None:
    """Of what the server offers one mechanism is chosen, the safest that suits the account."""
    assert choose(offered.split(), authentication) == chosen


def test_without_its_library_scram_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """SCRAM is an extra: without the library PLAIN is used."""
    monkeypatch.setattr(signin, "find_spec", lambda name: None)
    assert choose(["SCRAM-SHA-256", "PLAIN"], "auth_login") == "PLAIN"


@pytest.mark.parametrize(("tls_unused", "field"), [(True, "use_ssl_tls"), (False, "authentication")])
def test_no_mechanism_names_the_field(tls_unused: bool, field: str) -> None:
    """Where nothing suits, the error says whether the authentication is at fault or the missing TLS."""
    with pytest.raises(ConfigurationError) as caught:
        choose(["CRAM-MD5"], "auth_login", tls_unused=tls_unused)
    assert (caught.value.code, caught.value.field) == ("capabilities.auth_missing", field)


def test_the_messages_are_those_of_the_standards() -> None:
    """PLAIN, XOAUTH2 and OAUTHBEARER say what RFC 4616, the vendors and RFC 7628 write."""
    assert signin.plain("tim", "tanstaaftanstaaf") == b"\0tim\0tanstaaftanstaaf"
    assert signin.xoauth2("a@b.c", "t") == b"user=a@b.c\1auth=Bearer t\1\1"
    assert signin.oauthbearer("a,b=c", "h", 25, "t") == b"n,a=a=2Cb=3Dc,\1host=h\1port=25\1auth=Bearer t\1\1"


def test_a_server_that_cannot_prove_itself_is_refused() -> None:
    """With SCRAM the server proves that it knows the password; one that just says yes is not believed."""
    attempt = exchange("SCRAM-SHA-256", Credentials("ann", PASSWORD))
    attempt.respond(b"")
    with pytest.raises(AuthenticationFailed, match="did not prove"):
        attempt.confirm()
    with pytest.raises(AuthenticationFailed):
        attempt.respond(b"r=somebody-elses-nonce,s=c2FsdA==,i=4096")


@pytest.mark.parametrize("mechanisms", ["PLAIN LOGIN XOAUTH2", "LOGIN", "PLAIN"])
async def test_a_wrong_password_is_tried_once(mechanisms: str) -> None:
    """Whatever else the server offers, one wrong password is one failed login: servers lock accounts."""
    with ScriptedSmtp(users={USER: "another"}, extensions=[f"AUTH CRAM-MD5 {mechanisms}"]) as server:
        error = await failure_of(login(server.port))
    assert isinstance(error, AuthenticationFailed)
    assert len(server.logins) == 1
    assert error.field == "password"


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
async def test_mechanisms_say_who_and_what(mechanism: str) -> None:
    """Login and password reach the server unharmed, also outside ASCII."""
    with ScriptedSmtp(extensions=[f"AUTH {mechanism}"]) as server:
        async with sending(login(server.port, login="jürgen", password="pä ss")):
            pass
    assert [(one.mechanism, one.username, one.secret) for one in server.logins] == [(mechanism, "jürgen", "pä ss")]


async def test_a_server_that_never_stops_asking() -> None:
    """An endless exchange of challenges ends in an error."""

    async def ask(dialogue: Dialogue, _: Step) -> None:
        while True:
            await dialogue.reply("334 " + base64.b64encode(b"More?").decode())
            await dialogue.read_line()

    with ScriptedSmtp({"AUTH": ask}) as server:
        error = await failure_of(login(server.port))
    assert error.code.startswith("authentication.")


@pytest.fixture
def endpoint(token_endpoint: TokenEndpoint, mailbox: Mailbox) -> TokenEndpoint:
    """A token endpoint that knows our client."""
    token_endpoint.clients["client-1"] = Client(mailbox.address, secret=SECRET)
    return token_endpoint


@pytest.fixture(params=["XOAUTH2", "OAUTHBEARER"])
def mechanism(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The one mechanism for tokens that is used although the server offers both."""
    monkeypatch.setitem(signin.MECHANISMS, "xoauth2", (request.param,))
    return str(request.param)


@pytest.mark.usefixtures("mechanism")
async def test_postfix_takes_a_token(postfix: Postfix, endpoint: TokenEndpoint, pki: Pki, mailbox: Mailbox) -> None:
    """A token of the provider opens the session, by either mechanism."""
    async with sending(with_token(postfix.submission, endpoint, pki, mailbox.address, use_ssl_tls="TLS")) as sender:
        assert (await sender.send(message(mailbox.address))).accepted


async def test_postfix_takes_a_token_got_with_a_certificate(
    postfix: Postfix, endpoint: TokenEndpoint, pki: Pki, mailbox: Mailbox
) -> None:
    """A certificate proves the client to the provider; it is not shown to the mail server."""
    endpoint.clients["client-1"] = Client(mailbox.address, certificate=pki.client)
    proof = {"client_secret_key": None, "client_certificate": pki.client.read_text(), "use_ssl_tls": "TLS"}
    async with sending(with_token(postfix.submission, endpoint, pki, mailbox.address, **proof)) as sender:
        assert (await sender.send(message(mailbox.address))).accepted


async def test_a_token_of_somebody_else_is_refused(
    postfix: Postfix, endpoint: TokenEndpoint, pki: Pki, mailbox: Mailbox
) -> None:
    """A refused token names the account, tells what the server's challenge said, and asks for one fresh token only."""
    error = await failure_of(with_token(postfix.submission, endpoint, pki, "other@example.test", use_ssl_tls="TLS"))
    assert isinstance(error, AuthenticationFailed)
    assert (error.code, error.field) == ("authentication.refused", "user_name")
    assert "401" in str(error) or "535" in str(error.provider_code)
    assert len(endpoint.requests) == 2


async def test_a_revoked_token_is_renewed_once(endpoint: TokenEndpoint, pki: Pki, token_issuer: TokenIssuer) -> None:
    """A token that the server no longer takes is replaced by a fresh one within the same sign-in.  # SND-06"""
    services = Services()
    with ScriptedSmtp() as server:
        one = with_token(server.port, endpoint, pki, USER)
        async with sending(one, services):
            old = server.logins[0].secret
            server.accounts.users = {USER: "not yet known"}
        server.overrides["AUTH"] = [accept_only_if_not(old, server)]
        async with sending(one, services):
            pass
    assert [login.secret == old for login in server.logins] == [True, True, False]
    assert len(endpoint.requests) == 2


def accept_only_if_not(old: str, server: ScriptedSmtp) -> Any:
    """Refuse one token, and take every other from then on."""

    async def refuse(dialogue: Dialogue, normal: Step) -> None:
        await normal()
        server.accounts.users = None

    return refuse


def test_every_option_is_known_to_signin() -> None:
    """Each authentication option that signs in has mechanisms."""
    assert set(SMTP.options(Direction.OUTGOING)) - {"none"} <= set(signin.MECHANISMS)
