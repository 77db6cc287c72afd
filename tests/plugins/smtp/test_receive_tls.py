"""TLS of incoming accounts: required where chosen, verified, and of the versions that the component type allows."""

import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailport.account import Account
from mailport.egress import EgressPolicy
from mailport.errors import ConfigurationError, MailportError, Unreachable
from mailport.services import Services
from mailport_smtp.receive_probe import make_probe
from tests.peers.dovecot import Dovecot, serve_dovecot
from tests.peers.mailbox import Mailbox
from tests.peers.pki import Pki
from tests.peers.ports import free_port
from tests.peers.scripted_imap import ScriptedImap
from tests.peers.scripted_pop3 import ScriptedPop3
from tests.plugins.smtp.receiving import PASSWORD, USER, account, contents, failure, mail, of_dovecot, receiver, scripted

Scripted = type[ScriptedImap] | type[ScriptedPop3]
NO_VERSION = {"tls.version", "tls.cut"}  # Dovecot and asyncio close the connection instead of sending an alert
BASIC = {"email_component_type": "basic"}

both = pytest.mark.parametrize("protocol", ["imap", "pop3"])
each_server = pytest.mark.parametrize("kind", [ScriptedImap, ScriptedPop3])


@pytest.fixture(scope="module")
def old_dovecot(pki: Pki) -> Iterator[Dovecot]:
    """Speaks TLS 1.0 and nothing above."""
    with serve_dovecot(pki, tls10_only=True) as server:
        server.add_user(USER, PASSWORD)
        server.deliver(USER, mail("Old"))
        yield server


def only(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    """Let a server speak one version; those below 1.2 need OpenSSL's lowest security level."""
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context


async def agreed(account: Account) -> str:
    """What Test Connection says about TLS."""
    probe = make_probe(account, Services())
    try:
        for step in probe.steps():
            said = await step.run()
            if "tls" in step.rungs:
                return said
    finally:
        await probe.close()
    raise AssertionError("no step for TLS")


@both
@pytest.mark.parametrize("tls", ["SSL", "TLS", "none"])
async def test_mail_is_read_over_each_kind_of_connection(protocol: str, tls: str, mailbox: Mailbox, pki: Pki) -> None:
    """SSL encrypts from the first byte, TLS by STARTTLS or STLS, none does not."""  # INB-01
    mailbox.deliver(mail("Hello"))
    account = of_dovecot(protocol, mailbox.server, mailbox.address, mailbox.password, tls, ca_certificates=pki.ca_pem)
    assert await contents(account) == [mail("Hello")]


@both
@pytest.mark.parametrize("minimum", ["1.2", "1.3"])
async def test_the_newest_version_is_agreed_on(protocol: str, minimum: str, mailbox: Mailbox, pki: Pki) -> None:
    """Advanced speaks TLS 1.3 with a server that can."""  # CMP-05
    user = (mailbox.address, mailbox.password)
    account = of_dovecot(protocol, mailbox.server, *user, "TLS", ca_certificates=pki.ca_pem, minimum_tls_version=minimum)
    assert "TLS 1.3" in await agreed(account)


@each_server
async def test_tls_1_2_is_enough(kind: Scripted, pki: Pki) -> None:
    """Advanced speaks TLS 1.2 with a server that can no more, unless the account asks for 1.3."""  # CMP-05
    with kind(tls=only(pki.server_context(), ssl.TLSVersion.TLSv1_2)) as server:
        good = scripted(server, use_ssl_tls="SSL", ca_certificates=pki.ca_pem)
        assert "TLS 1.2" in await agreed(good)
        strict = scripted(server, use_ssl_tls="SSL", ca_certificates=pki.ca_pem, minimum_tls_version="1.3")
        assert (await failure(strict)).code in NO_VERSION


@each_server
async def test_tls_1_1_only_where_allowed(kind: Scripted, pki: Pki) -> None:
    """Advanced speaks TLS 1.1 only if the account says so."""  # CMP-05
    with kind(tls=only(pki.server_context(), ssl.TLSVersion.TLSv1_1)) as server:
        account = scripted(server, use_ssl_tls="SSL", ca_certificates=pki.ca_pem)
        assert (await failure(account)).code in NO_VERSION
        lenient = scripted(server, use_ssl_tls="SSL", ca_certificates=pki.ca_pem, minimum_tls_version="1.1")
        assert "TLS 1.1" in await agreed(lenient)


@both
@pytest.mark.parametrize("tls", ["SSL", "TLS"])
async def test_basic_speaks_tls_1_0(protocol: str, tls: str, old_dovecot: Dovecot, pki: Pki) -> None:
    """Basic reads from a server that knows nothing newer than TLS 1.0."""  # CMP-06
    account = of_dovecot(protocol, old_dovecot, USER, PASSWORD, tls, ca_certificates=pki.ca_pem, **BASIC)
    assert await contents(account) == [mail("Old")]
    assert "TLS 1," in await agreed(account)


@both
async def test_basic_speaks_nothing_above(protocol: str, mailbox: Mailbox, pki: Pki) -> None:
    """Basic never negotiates above TLS 1.0."""  # CMP-06
    user = (mailbox.address, mailbox.password)
    account = of_dovecot(protocol, mailbox.server, *user, "TLS", ca_certificates=pki.ca_pem, **BASIC)
    assert (await failure(account)).code in NO_VERSION


@both
async def test_advanced_is_refused_by_an_old_server(protocol: str, old_dovecot: Dovecot, pki: Pki) -> None:
    """Advanced does not fall back to TLS 1.0."""  # CMP-05
    error = await failure(of_dovecot(protocol, old_dovecot, USER, PASSWORD, "TLS", ca_certificates=pki.ca_pem))
    assert error.code in NO_VERSION
    assert "TLS version" in error.remedy


@each_server
@pytest.mark.parametrize("tls", ["SSL", "TLS"])
@pytest.mark.parametrize(
    ("certificate", "code"),
    [("expired", "certificate_expired"), ("wrong_name", "certificate_name"), ("unknown_ca", "certificate_authority")],
)
async def test_bad_certificates_are_refused(kind: Scripted, tls: str, certificate: str, code: str, pki: Pki) -> None:
    """A certificate that is no good is told as what it is, and no credentials leave."""  # SEC-02
    path: Path = getattr(pki, certificate)
    context = pki.server_context(path)
    with kind(tls=context if tls == "SSL" else None, starttls=context if tls == "TLS" else None) as server:
        error = await failure(scripted(server, use_ssl_tls=tls, ca_certificates=pki.ca_pem))
        assert error.code == f"tls.{code}"
        assert error.remedy
        assert server.logins == []


@each_server
async def test_starttls_is_required(kind: Scripted) -> None:
    """Where TLS is chosen, a server that does not offer it gets no credentials."""  # SEC-02
    with kind() as server:
        error = await failure(scripted(server, use_ssl_tls="TLS"))
        assert isinstance(error, ConfigurationError)
        assert (error.code, error.field) == ("tls.not_offered", "use_ssl_tls")
        assert server.logins == []


@pytest.mark.parametrize(
    ("kind", "verb", "reply"), [(ScriptedImap, "STARTTLS", "{tag} NO not now"), (ScriptedPop3, "STLS", "-ERR not now")]
)
async def test_a_refused_upgrade_ends_the_session(kind: Scripted, verb: str, reply: str, pki: Pki) -> None:
    """A server that offers TLS and then refuses it gets no credentials."""  # SEC-02
    with kind({verb: reply}, starttls=pki.server_context()) as server:
        error = await failure(scripted(server, use_ssl_tls="TLS", ca_certificates=pki.ca_pem))
        assert error.code == "tls.refused"
        assert server.logins == []


@both
async def test_ssl_on_a_plain_port_is_explained(protocol: str, dovecot: Dovecot) -> None:
    """SSL on a port that does not speak it names the setting at fault."""
    port = {"imap": dovecot.imap, "pop3": dovecot.pop3}[protocol]
    error = await failure(account(protocol, "localhost", port, use_ssl_tls="SSL"))
    assert (error.code, error.field) == ("tls.not_tls", "use_ssl_tls")


async def test_preauthentication_is_refused() -> None:
    """A server that signs everybody in cannot be asked for STARTTLS, so that it is refused as a whole."""  # SEC-02
    with ScriptedImap({"GREETING": "* PREAUTH welcome"}) as server:
        assert (await failure(scripted(server, use_ssl_tls="TLS"))).code == "greeting.preauthenticated"


@each_server
async def test_the_egress_policy_holds(kind: Scripted) -> None:
    """A host inside the network is refused before a connection is made, unless the operator allows it."""  # SEC-03
    with kind() as server:
        session = receiver(scripted(server), Services(egress=EgressPolicy(public_only=True)))
        with pytest.raises(MailportError) as caught:
            await session.open()
        assert caught.value.code == "egress.refused"
        assert server.connections == 0
        async with receiver(scripted(server), Services(egress=EgressPolicy(public_only=True, allowed=("127.0.0.1",)))):
            assert server.connections == 1


@both
async def test_nobody_there_is_unreachable(protocol: str) -> None:
    """A port where nobody listens is told as such."""
    error = await failure(account(protocol, "127.0.0.1", free_port()))
    assert isinstance(error, Unreachable)
    assert (error.code, error.field) == ("connect.refused", "port")
