"""The test servers, as fixtures; every pytest-xdist worker starts its own on free ports."""

import importlib
import itertools
import secrets
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.peers.process import lack, private_folder

if TYPE_CHECKING:
    from tests.peers.dovecot import Dovecot
    from tests.peers.mailbox import Mailbox
    from tests.peers.pki import Pki
    from tests.peers.postfix import Postfix
    from tests.peers.smtpsink import SmtpSink
    from tests.peers.token_endpoint import TokenEndpoint
    from tests.peers.tokens import TokenIssuer

_users = itertools.count(1)


def pytest_configure() -> None:
    """Take Ctrl-C also where whoever started the tests ignores it, as a shell does for work in its background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def peer(name: str) -> Any:
    """The module `tests.peers.<name>`, imported only now: the tests of the core do without what the peers need."""
    try:
        return importlib.import_module(f"tests.peers.{name}")
    except ModuleNotFoundError as error:
        lack(f"the peer {name} needs the Python package {error.name}")


@pytest.fixture(scope="session", autouse=True)
def _own_authorities_only() -> Iterator[None]:
    """Forget the authorities that this machine's environment names: they beat the ones that a test gives a client."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            environment.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> "Pki":
    """Certificates, good and bad, of a private authority."""
    made: Pki = peer("pki").make_pki(tmp_path_factory.mktemp("pki"))
    return made


@pytest.fixture(scope="session")
def token_issuer() -> "Iterator[TokenIssuer]":
    """Issues the tokens that `dovecot` and `postfix` accept."""
    with private_folder("tokens") as folder:
        yield peer("tokens").TokenIssuer(folder / "keys")


@pytest.fixture(scope="session")
def dovecot(pki: "Pki", token_issuer: "TokenIssuer") -> "Iterator[Dovecot]":
    """IMAP, POP3 and LMTP with passwords and tokens; `mailbox` is a user of one's own."""
    with peer("dovecot").serve_dovecot(pki, token_keys=token_issuer.folder) as server:
        yield server


@pytest.fixture(scope="session")
def postfix(pki: "Pki", dovecot: "Dovecot") -> "Iterator[Postfix]":
    """SMTP of every kind; what it accepts can be read in `dovecot`."""
    with peer("postfix").serve_postfix(pki, dovecot) as server:
        yield server


@pytest.fixture
def mailbox(dovecot: "Dovecot") -> "Mailbox":
    """A new user with a generated password."""
    made: Mailbox = peer("mailbox").Mailbox(dovecot, f"user{next(_users)}@example.test", secrets.token_urlsafe(16))
    dovecot.add_user(made.address, made.password)
    return made


@pytest.fixture
def smtp_sink() -> "Iterator[SmtpSink]":
    """Takes everything, fast; its messages can be read."""
    with peer("smtpsink").serve_smtp_sink() as sink:
        yield sink


@pytest.fixture
def token_endpoint(pki: "Pki", token_issuer: "TokenIssuer") -> "Iterator[TokenEndpoint]":
    """An OAuth token endpoint without clients: register them in `clients`."""
    with peer("token_endpoint").TokenEndpoint(token_issuer, pki.server_context()) as endpoint:
        yield endpoint
