"""What a text in a settings field may look like; each check returns the value to keep or says what form is expected.

Transports use them as pydantic validators. Control characters are refused in all of them: a line break would end a command or
a header (SEC-05).
"""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_core import PydanticCustomError

from mailport.address import Address
from mailport.errors import ConfigurationError

__all__ = [
    "CertificateWithKey",
    "Certificates",
    "HttpsUrl",
    "OneLine",
    "OneLineSecret",
    "OptionalAddress",
    "OptionalSecret",
    "ProxyUrl",
    "split_url",
    "wrong",
]

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # JSON can carry half a surrogate pair, nothing can encode it
_PROXY_SCHEMES = ("socks5", "socks4", "http")


def wrong(said: str, remedy: str = "") -> PydanticCustomError:
    """Return the error of a text; ``said`` goes on after the field's label ("must be a URL."), ``remedy`` is a sentence."""
    return PydanticCustomError("text", "{said}", {"said": said, "remedy": remedy})


def split_url(value: str, expected: str = "must be a URL") -> SplitResult:
    """Return the parts of a URL; ``expected`` begins what is said of anything else."""
    if _CONTROL.search(value) or " " in value.strip():
        raise wrong(f"{expected}, without spaces or line breaks.")
    try:
        url = urlsplit(value.strip())
        _ = url.port  # a bad port shows only when it is read
    except ValueError as error:
        raise wrong(f"{expected}.") from error
    return url


def _one_line(value: str) -> str:
    if _CONTROL.search(value.strip()):
        raise wrong("must not contain a line break or another control character.")
    return value.strip()


def _one_line_secret(value: SecretStr | None) -> SecretStr | None:
    """Keep a secret as it is: its spaces may be part of it."""
    if value is not None and _CONTROL.search(value.get_secret_value()):
        raise wrong("must not contain a line break or another control character.")
    return value


def _absent_if_empty(value: Any) -> Any:
    """Return None for the empty text that a form sends for a secret nobody entered."""
    return None if value == "" else value


def _optional_address(value: str) -> str:
    if not value.strip():
        return ""
    try:
        return Address(value.strip()).mailbox
    except ConfigurationError as error:
        raise wrong(str(error), error.remedy) from error


def _https_url(value: str) -> str:
    url = split_url(value)
    if url.scheme != "https" or not url.hostname or url.username is not None or url.query or url.fragment:
        raise wrong("must be a URL of the form https://host/path.")
    return value.strip()


def _proxy_url(value: str) -> str:
    """Accept no credentials: they would be stored in clear."""
    if not value.strip():
        return ""
    url = split_url(value)
    if url.scheme not in _PROXY_SCHEMES or not url.hostname or not url.port or url.username is not None:
        raise wrong("must be a URL of the form socks5://host:port or http://host:port, without credentials.")
    return value.strip()


def _certificates(value: str) -> str:
    if value.strip() and "-----BEGIN CERTIFICATE-----" not in value:
        raise wrong("must be certificates in PEM form, each from BEGIN CERTIFICATE to END CERTIFICATE.")
    return value.strip()


def _certificate_with_key(value: SecretStr | None) -> SecretStr | None:
    text = value.get_secret_value() if value is not None else None
    if text is not None and not ("-----BEGIN CERTIFICATE-----" in text and "PRIVATE KEY-----" in text):
        raise wrong("must be a certificate and its private key, both in PEM form.")
    return value


OneLine = Annotated[str, AfterValidator(_one_line)]
"""A text without control characters, trimmed."""
OneLineSecret = Annotated[SecretStr, AfterValidator(_one_line_secret)]
"""A secret without control characters, otherwise as it is."""
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_absent_if_empty), AfterValidator(_one_line_secret)]
"""The same, or None; an empty text counts as None."""
OptionalAddress = Annotated[str, AfterValidator(_optional_address)]
"""One mail address, or an empty text."""
HttpsUrl = Annotated[str, AfterValidator(_https_url)]
"""An https URL without credentials, query or fragment."""
ProxyUrl = Annotated[str, AfterValidator(_proxy_url)]
"""The URL of a SOCKS or HTTP proxy without credentials, or an empty text."""
Certificates = Annotated[str, AfterValidator(_certificates)]
"""Certificates in PEM form, or an empty text."""
CertificateWithKey = Annotated[SecretStr | None, BeforeValidator(_absent_if_empty), AfterValidator(_certificate_with_key)]
"""A certificate and its private key in PEM form, or None."""
