"""What a text in a settings field may look like; each check returns the value to keep or says what form is expected."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr
from pydantic_core import PydanticCustomError

from mailport.address import Address
from mailport.errors import ConfigurationError

__all__ = [
    "absent_if_empty",
    "certificate_with_key",
    "certificates",
    "endpoint",
    "https_url",
    "one_line",
    "one_line_secret",
    "optional_address",
    "proxy_address",
    "tenant",
]

PATH = "/EWS/Exchange.asmx"
EXPECTED = f"must have the form https://mail.example.org{PATH}"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SPACE = re.compile(r"[\x00-\x20\x7f]")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_PROXY_SCHEMES = ("socks5", "socks4", "http")


def endpoint(value: str) -> str:
    """Accept the address of EWS and nothing else: a bare name, another path or http are refused (OUT-09)."""
    url = _url(value, EXPECTED)
    if url.scheme != "https" or not url.hostname or url.path.rstrip("/").lower() != PATH.lower():
        raise _wrong(f"{EXPECTED}.")
    if url.username is not None or url.query or url.fragment:
        raise _wrong(f"{EXPECTED}, without credentials, query or fragment.")
    return f"https://{url.netloc.lower()}{PATH}"


def https_url(value: str) -> str:
    """Accept an https address without credentials, query or fragment."""
    url = _url(value, "must be a URL")
    if url.scheme != "https" or not url.hostname or url.username is not None or url.query or url.fragment:
        raise _wrong("must be a URL of the form https://host/.")
    return value.strip()


def tenant(value: str) -> str:
    """Accept a GUID or a domain, which becomes a part of an address."""
    if not _TENANT.fullmatch(value.strip()):
        raise _wrong("must be a GUID such as 6f1d1c1e-0000-4000-8000-000000000000, or a domain such as example.org.")
    return value.strip()


def one_line(value: str) -> str:
    """Refuse control characters (SEC-05)."""
    if _CONTROL.search(value):
        raise _wrong("must not contain a line break or another control character.")
    return value.strip()


def one_line_secret(value: SecretStr | None) -> SecretStr | None:
    """Refuse control characters in a secret, which is otherwise kept as it is."""
    if value is not None and _CONTROL.search(value.get_secret_value()):
        raise _wrong("must not contain a line break or another control character.")
    return value


def absent_if_empty(value: Any) -> Any:
    """Return None for the empty text that a form sends for a secret nobody entered."""
    return None if value == "" else value


def optional_address(value: str) -> str:
    """Accept an empty text or one mail address."""
    if not value.strip():
        return ""
    try:
        return Address(value.strip()).mailbox
    except ConfigurationError as error:
        raise _wrong(f"{error} {error.remedy}") from error


def proxy_address(value: str) -> str:
    """Accept an empty text or the URL of a proxy; credentials would be stored in clear."""
    if not value.strip():
        return ""
    url = _url(value, "must be a URL")
    if url.scheme not in _PROXY_SCHEMES or not url.hostname or not url.port or url.username is not None:
        raise _wrong("must be a URL of the form socks5://host:port or http://host:port, without credentials.")
    return value.strip()


def certificates(value: str) -> str:
    """Accept an empty text or PEM certificates."""
    if value.strip() and "-----BEGIN CERTIFICATE-----" not in value:
        raise _wrong("must be certificates in PEM form, each from BEGIN CERTIFICATE to END CERTIFICATE.")
    return value.strip()


def certificate_with_key(value: SecretStr | None) -> SecretStr | None:
    """Accept a PEM certificate together with its private key."""
    text = value.get_secret_value() if value is not None else None
    if text is not None and not ("-----BEGIN CERTIFICATE-----" in text and "PRIVATE KEY-----" in text):
        raise _wrong("must be a certificate and its private key, both in PEM form.")
    return value


def _url(value: str, expected: str) -> SplitResult:
    if _SPACE.search(value.strip()):
        raise _wrong(f"{expected}, without spaces or line breaks.")
    try:
        url = urlsplit(value.strip())
        _ = url.port  # a bad port shows only when it is read
    except ValueError as error:
        raise _wrong(f"{expected}.") from error
    return url


def _wrong(said: str) -> PydanticCustomError:
    return PydanticCustomError("text", "{said}", {"said": said})
