"""What a text in a settings field may look like; each check returns the value to keep or says what form is expected."""

from __future__ import annotations

import re
from typing import Any, Literal, get_args
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr
from pydantic_core import PydanticCustomError

from mailport.address import Address
from mailport.errors import ConfigurationError

__all__ = [
    "Loss",
    "absent_if_empty",
    "certificate_with_key",
    "certificates",
    "folder_path",
    "identifier",
    "losses",
    "one_line_secret",
    "optional_address",
    "proxy_address",
    "service_url",
    "tenant",
]

Loss = Literal["plain_text", "threading", "headers", "original", "sent_copy"]
"""What a path of sending may lose, by the name under which an account accepts it."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TENANT = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z.-]*[0-9A-Za-z])?")
# Authorities for people who sign in themselves: an application always belongs to one tenant.
_NO_TENANT = frozenset({"common", "organizations", "consumers"})
_PROXY_SCHEMES = ("socks5", "socks4", "http")


def tenant(value: str) -> str:
    """Accept a tenant id or one of the tenant's domains; it becomes part of a URL."""
    name = value.strip()
    if name.lower() in _NO_TENANT:
        raise _wrong("must name one tenant; “common” and “organizations” are for people who sign in.")
    if not _TENANT.fullmatch(name):
        raise _wrong("must be the Directory (tenant) ID of the app registration, or a domain of the tenant.")
    return name


def identifier(value: str) -> str:
    """Accept a text without spaces and control characters."""
    text = value.strip()
    if not text or re.search(r"\s", text) or _CONTROL.search(text):
        raise _wrong("must be the Application (client) ID of the app registration.")
    return text


def folder_path(value: str) -> str:
    """Accept a folder's name, or a path with “/” between names."""
    if _CONTROL.search(value) or not all(part.strip() for part in value.split("/")):
        raise _wrong("must be the name of a folder, or a path such as Inbox/Tickets.")
    return value.strip()


def losses(value: str) -> str:
    """Accept a list of losses by name, separated by commas."""
    names = dict.fromkeys(name.strip().lower() for name in value.split(",") if name.strip())
    unknown = [name for name in names if name not in get_args(Loss)]
    if unknown:
        raise _wrong(f"does not know “{unknown[0][:40]}”; choose from {', '.join(get_args(Loss))}.")
    return ", ".join(names)


def one_line_secret(value: SecretStr | None) -> SecretStr | None:
    """Refuse CR, LF and NUL in a secret, which is otherwise kept as it is."""
    if value is not None and re.search(r"[\r\n\0]", value.get_secret_value()):
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


def service_url(value: str) -> str:
    """Accept an empty text or the https address of a cloud's host, with nothing after it."""
    if not value.strip():
        return ""
    url = _url(value)
    if url.scheme != "https" or not url.hostname or url.username is not None or url.path.strip("/") or url.query:
        raise _wrong("must be of the form https://host or https://host:port.")
    return f"https://{url.netloc.lower()}"


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
