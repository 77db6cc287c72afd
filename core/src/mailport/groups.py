"""Groups of fields that several transports share; a settings model lists them among its base classes.

Pydantic orders fields by the reversed method resolution order, and a form shows them in that order: list the groups from the
last to the first.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from mailport.fields import Settings, setting
from mailport.texts import Certificates, CertificateWithKey, OptionalSecret, ProxyUrl

__all__ = ["ClientProof", "Network"]


class Network(Settings):
    """How careful the connection is, and through what it goes."""

    minimum_tls_version: Literal["1.1", "1.2", "1.3"] = setting(
        "1.2",
        label="Minimum TLS Version",
        choices={"1.1": "TLS 1.1", "1.2": "TLS 1.2", "1.3": "TLS 1.3"},
        binds=True,
        advanced=True,
    )
    ca_certificates: Certificates = setting(
        "",
        label="CA Certificates",
        help="Authorities to trust, in PEM form, instead of those of the system.",
        binds=True,
        advanced=True,
    )
    proxy_url: ProxyUrl = setting(
        "", label="Proxy URL", placeholder="socks5://proxy:1080", binds=True, advanced=True, operator_only=True
    )


class ClientProof(Settings):
    """How an OAuth client proves who it is: by exactly one of a secret and a certificate."""

    client_secret_key: OptionalSecret = setting(
        None, label="Client Secret Key", help="The secret's value, not its id; or a client certificate, under Advanced."
    )
    client_certificate: CertificateWithKey = setting(
        None,
        label="Client Certificate",
        help="Certificate and private key in PEM form, instead of the client secret.",
        advanced=True,
    )

    @model_validator(mode="after")
    def _one_proof(self) -> Self:
        if self.client_secret_key is None and self.client_certificate is None:
            raise _at("client_secret_key", "is required, or a client certificate instead.")
        if self.client_secret_key is not None and self.client_certificate is not None:
            raise _at("client_certificate", "cannot be combined with a client secret; remove one of the two.")
        return self


def _at(field: str, said: str) -> PydanticCustomError:
    return PydanticCustomError("one_proof", "{said}", {"field": field, "said": said})
