"""What a text in a settings field may look like; each check returns the value to keep or says what form is expected."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import ip_address
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
    "host_name",
    "https_url",
    "one_line",
    "one_line_secret",
    "optional_address",
    "proxy_address",
    "tls_choice",
]

_LINE_BREAK = re.compile(r"[\r\n\0]")
_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)*")
_PROXY_SCHEMES = ("socks5", "socks4", "http")
# Stored on/off values of older products mean TLS/none (OUT-23); a form or a file may spell them in several ways.
_TLS_WORDS = {"tls": "TLS", "starttls": "TLS", "on": "TLS", "true": "TLS", "yes": "TLS", "1": "TLS", "ssl": "SSL"}
_TLS_WORDS |= dict.fromkeys(("none", "off", "false", "no", "0", ""), "none")


def tls_choice(value: object) -> object:
    """Return what a stored value of Use SSL/TLS means today."""
    return _TLS_WORDS.get(str(value).strip().lower(), value) if isinstance(value, str | bool | int) else value


def one_line(value: str) -> str:
    """Refuse CR, LF and NUL: they would end a command (SEC-05)."""
    if _LINE_BREAK.search(value):
        raise _wrong("must not contain a line break.")
    return value.strip()


def one_line_secret(value: SecretStr | None) -> SecretStr | None:
    """Refuse CR, LF and NUL in a secret, which is otherwise kept as it is."""
    if value is not None and _LINE_BREAK.search(value.get_secret_value()):
        raise _wrong("must not contain a line break.")
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


def host_name(value: str) -> str:
    """Accept a host name or an IP address, and nothing around it (OUT-10)."""
    host = value.strip().rstrip(".")
    if "/" in host:
        raise _wrong("must be a host name such as mail.example.org, not a URL.")
    with suppress(ValueError):
        return str(ip_address(host.strip("[]")))
    if re.fullmatch(rf"{_HOST.pattern}:\d+", host):
        raise _wrong("must be a host name alone; the port has a field of its own.")
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise _wrong("must be a host name such as mail.example.org.")
    return host


def https_url(value: str) -> str:
    """Accept an https URL without credentials or fragment."""
    url = _url(value)
    if url.scheme != "https" or not url.hostname or url.username is not None or url.fragment:
        raise _wrong("must be a URL of the form https://host/path.")
    return value.strip()


def proxy_address(value: str) -> str:
    """Accept an empty text or the URL of a proxy; credentials would be stored in clear."""
    if not value.strip():
        return ""
    url = _url(value)
    if url.scheme not in _PROXY_SCHEMES or not url.hostname or not url.port or url.username is not None:
        raise _wrong("must be a URL of the form socks5://host:port or http://host:port, without credentials.")
    return value.strip()


def _url(value: str) -> SplitResult:
    if re.search(r"[\x00-\x20\x7f]", value.strip()):
        raise _wrong("must be a URL without spaces or line breaks.")
    try:
        url = urlsplit(value.strip())
        _ = url.port  # a bad port shows only when it is read
    except ValueError as error:
        raise _wrong("must be a URL.") from error
    return url


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


def _wrong(said: str) -> PydanticCustomError:
    return PydanticCustomError("text", "{said}", {"said": said})
