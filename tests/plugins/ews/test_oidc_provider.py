"""msal against a certified OpenID provider, which verifies secrets, assertions and the layout of discovery."""

from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from mailport.errors import AuthenticationFailed, ConfigurationError
from mailport.services import Services
from mailport_ews.oauth import access_token
from tests.peers.oidc_provider import OidcProvider, install_oidc_provider, serve_oidc_provider
from tests.peers.pki import Pki
from tests.plugins.ews.sessions import outgoing

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def provider(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Iterator[OidcProvider]:
    """The provider, installed by npm into pytest's cache."""
    installed = install_oidc_provider(pytestconfig.cache.mkdir("oidc-provider"))  # type: ignore[union-attr]
    with serve_oidc_provider(installed, tmp_path_factory.mktemp("oidc"), pki) as served:
        yield served


async def token(provider: OidcProvider, pki: Pki, **changes: Any) -> str:
    """What an account with these settings gets."""
    values = {
        "host": "https://mail.example.test/EWS/Exchange.asmx",
        "user_name": "inbox@example.test",
        "client_login_url": provider.authority,
        "client_resource_url": provider.resource,
        "client_tenant_id": "tenant",
        "client_id": provider.with_secret,
        "client_secret_key": provider.secret,
        "ca_certificates": pki.ca_pem,
    }
    return await access_token(outgoing(values | changes), Services())


async def test_a_secret_gets_a_token_for_the_resource(provider: OidcProvider, pki: Pki) -> None:
    """A secret is taken, and the token is for Client Resource URL."""
    # SND-02
    claims = jwt.decode(await token(provider, pki), options={"verify_signature": False})
    assert (claims["aud"], claims["client_id"]) == (provider.resource, provider.with_secret)


async def test_a_certificate_is_really_verified(provider: OidcProvider, pki: Pki) -> None:
    """An assertion signed by the registered certificate's key is taken, one by another key is not."""
    app = {"client_id": provider.with_certificate, "client_secret_key": ""}
    assert await token(provider, pki, **app, client_certificate=pki.client.read_text())
    with pytest.raises(AuthenticationFailed) as caught:
        await token(provider, pki, **app, client_certificate=pki.good.read_text())
    assert caught.value.field == "client_certificate"


async def test_a_wrong_secret_is_refused(provider: OidcProvider, pki: Pki) -> None:
    """A wrong secret is refused at its field."""
    with pytest.raises(AuthenticationFailed) as caught:
        await token(provider, pki, client_secret_key="heron-violet-17")
    assert caught.value.field == "client_secret_key"


async def test_an_unknown_tenant_is_told(provider: OidcProvider, pki: Pki) -> None:
    """A tenant about which the provider publishes nothing is a wrong setting, not wrong credentials."""
    with pytest.raises(ConfigurationError) as caught:
        await token(provider, pki, client_tenant_id="elsewhere.example.test")
    assert (caught.value.code, caught.value.field) == ("authentication.tenant_unknown", "client_tenant_id")
