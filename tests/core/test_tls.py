"""TLS by component type: which versions are spoken, and how a failure is explained."""

import ssl
import warnings

import pytest

from mailport.errors import ConfigurationError, Unreachable
from mailport.fields import ComponentType
from mailport.tls import TlsProfile, context, explain

V = ssl.TLSVersion


def server(pki, minimum=V.MINIMUM_SUPPORTED, maximum=V.MAXIMUM_SUPPORTED, certificate=None):
    made = pki.server_context(certificate)
    made.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made.minimum_version, made.maximum_version = minimum, maximum
    return made


def handshake(client, answering, name="localhost"):
    """Shake hands in memory; return the version that was agreed on."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = answering.wrap_bio(to_server, to_client, server_side=True)
    done = set()
    while len(done) < 2:
        for side in (ours, theirs):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:
                if side is ours:
                    raise
                done.add(side)  # the server's alert is what the client must explain
    return ours.version()


def profile(pki, **more):
    return TlsProfile(ca_certificates=pki.ca_pem, **more)


@pytest.mark.parametrize("only", [V.TLSv1_2, V.TLSv1_3])
def test_advanced_speaks_1_2_and_above(pki, only):  # CMP-05
    """The default profile accepts what is safe."""
    assert handshake(context(profile(pki)), server(pki, only, only)) == only.name.replace("_", ".")


@pytest.mark.parametrize("only", [V.TLSv1, V.TLSv1_1])
def test_advanced_refuses_old_versions(pki, only):  # CMP-05
    """TLS 1.0 and 1.1 are refused with the field that could allow them."""
    with pytest.raises(ssl.SSLError) as caught:
        handshake(context(profile(pki)), server(pki, only, only))
    error = explain(caught.value, host="localhost")
    assert (error.code, error.field) == ("tls.version", "minimum_tls_version")


def test_1_1_is_spoken_only_when_the_account_allows_it(pki):  # CMP-05
    """A minimum of 1.1 still takes the best version there is, and never 1.0."""
    allowed = context(profile(pki, minimum="1.1"))
    assert handshake(allowed, server(pki, V.TLSv1_1, V.TLSv1_1)) == "TLSv1.1"
    assert handshake(allowed, server(pki)) == "TLSv1.3"
    with pytest.raises(ssl.SSLError):
        handshake(allowed, server(pki, V.TLSv1, V.TLSv1))


def test_basic_never_negotiates_above_1_0(pki):  # CMP-06
    """A Basic inbox speaks TLS 1.0, also with a server that could do better, and nothing else."""
    basic = context(profile(pki, component=ComponentType.BASIC))
    assert handshake(basic, server(pki)) == "TLSv1"
    with pytest.raises(ssl.SSLError):
        handshake(basic, server(pki, V.TLSv1_2, V.TLSv1_3))


def test_1_3_may_be_demanded(pki):
    """A minimum of 1.3 refuses 1.2."""
    with pytest.raises(ssl.SSLError):
        handshake(context(profile(pki, minimum="1.3")), server(pki, V.TLSv1_2, V.TLSv1_2))


@pytest.mark.parametrize(
    ("certificate", "name", "code", "field"),
    [
        ("expired", "localhost", "tls.certificate_expired", "host"),
        ("wrong_name", "localhost", "tls.certificate_name", "host"),
        ("good", "10.0.0.1", "tls.certificate_name", "host"),
        ("unknown_ca", "localhost", "tls.certificate_authority", "ca_certificates"),
    ],
)
def test_certificates_are_verified_and_the_cause_is_named(pki, certificate, name, code, field):  # SEC-02
    """Each way in which a certificate can be wrong has its own code, field and remedy."""
    with pytest.raises(ssl.SSLError) as caught:
        handshake(context(profile(pki)), server(pki, certificate=getattr(pki, certificate)), name)
    error = explain(caught.value, host=name)
    assert isinstance(error, ConfigurationError)
    assert (error.code, error.field, bool(error.remedy)) == (code, field, True)


@pytest.mark.parametrize(
    ("spoken", "code"),
    [(b"220 mail.example.org ESMTP\r\n", "tls.not_tls"), (b"* OK ready\r\n", "tls.not_tls"), (None, "tls.cut")],
)
def test_a_peer_without_tls_is_recognised(spoken, code):
    """A plain port and a closed connection are told apart."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context(TlsProfile()).wrap_bio(incoming, outgoing, server_hostname="localhost")
    if spoken is None:
        incoming.write_eof()
    else:
        incoming.write(spoken)
    with pytest.raises(ssl.SSLError) as caught:
        client.do_handshake()
    error = explain(caught.value, host="localhost")
    assert error.code == code
    assert isinstance(error, Unreachable if code == "tls.cut" else ConfigurationError)


def test_contexts_are_built_once(pki):
    """Accounts with the same profile share a context."""
    assert context(profile(pki)) is context(profile(pki))
    assert context(profile(pki)) is not context(profile(pki, minimum="1.3"))


@pytest.mark.parametrize("field", ["ca_certificates", "client_certificate"])
def test_unreadable_certificates_are_the_fields_error(field):
    """What is no PEM is said at the field, without showing it."""
    with pytest.raises(ConfigurationError) as caught:
        context(TlsProfile(**{field: "-----BEGIN nonsense canary"}))
    assert caught.value.field == field
    assert "canary" not in str(caught.value)


def test_a_client_certificate_is_loaded_and_never_shown(pki):
    """The certificate with its key works and stays out of the profile's repr."""
    made = profile(pki, client_certificate=pki.client.read_text())
    assert context(made)
    assert "PRIVATE KEY" not in repr(made)
