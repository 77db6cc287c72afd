"""npm's oidc-provider, a certified OpenID provider, in the layout of Entra: it verifies what a lenient fake would take."""

import json
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_pem_x509_certificate
from jwt.algorithms import RSAAlgorithm

from tests.peers.pki import Pki
from tests.peers.ports import HOST, free_port
from tests.peers.process import foreground, lack, need, one_at_a_time

_HOME = Path(__file__).with_suffix("")
_RESOURCE = "https://graph.example.test"


@dataclass(frozen=True)
class OidcProvider:
    """Two apps of the tenant `tenant`: one with a secret, one with the certificate `pki.client`."""

    port: int
    secret: str
    with_secret: str = "app-with-secret"
    with_certificate: str = "app-with-certificate"
    resource: str = _RESOURCE

    @property
    def authority(self) -> str:
        """The host that issues tokens."""
        return f"https://{HOST}:{self.port}"


def install_oidc_provider(folder: Path) -> Path:
    """Install the packages of the lock file below `folder`, once; return it. Without npm or its registry: skip by name."""
    npm = need("npm", "npm")
    with one_at_a_time(folder):
        for name in ("package.json", "package-lock.json", "server.mjs"):
            shutil.copy(_HOME / name, folder / name)
        if not (folder / "node_modules" / "oidc-provider").exists():
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                lack(f"npm cannot install oidc-provider: {done.stderr[-500:]}")
    return folder


@contextmanager
def serve_oidc_provider(installed: Path, scratch: Path, pki: Pki) -> Iterator[OidcProvider]:
    """Run the provider until the block ends."""
    provider = OidcProvider(free_port(), secrets.token_urlsafe(32))
    given = {"port": provider.port, "pem": str(pki.good), "resource": provider.resource, "clients": _clients(provider, pki)}
    settings = scratch / "provider.json"
    settings.write_text(json.dumps(given))
    command: list[str | Path] = [need("node", "nodejs"), installed / "server.mjs", settings]
    with foreground(command, ports=[provider.port], log=scratch / "provider.log"):
        yield provider


def _clients(provider: OidcProvider, pki: Pki) -> list[dict[str, Any]]:
    common = {"grant_types": ["client_credentials"], "redirect_uris": [], "response_types": []}
    pem = pki.client.read_bytes()
    key = load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERTIFICATE") :]).public_key()
    assert isinstance(key, RSAPublicKey)
    jwk = RSAAlgorithm.to_jwk(key, as_dict=True)
    return [
        common
        | {
            "client_id": provider.with_secret,
            "client_secret": provider.secret,
            "token_endpoint_auth_method": "client_secret_post",
        },
        common
        | {
            "client_id": provider.with_certificate,
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [jwk]},
        },
    ]
