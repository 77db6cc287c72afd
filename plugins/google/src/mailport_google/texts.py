"""What a text in a settings field may look like; each check returns the value to keep or says what form is expected."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr, ValidationInfo
from pydantic_core import PydanticCustomError

from mailport.address import Address
from mailport.errors import ConfigurationError
from mailport_google.private_key import normalised

__all__ = ["certificates", "https_url", "label_name", "optional_address", "proxy_address", "secret_key"]

_CONTROL_OR_SPACE = re.compile(r"[\x00-\x20\x7f]")
_PROXY_SCHEMES = ("socks5", "socks4", "http")


def secret_key(value: SecretStr, info: ValidationInfo) -> SecretStr:
    """Accept a private key in any of its forms; keep it as PEM."""
    try:
        return SecretStr(normalised(value.get_secret_value(), str(info.data.get("service_account_address", ""))))
    except ValueError as error:
        raise _wrong(str(error)) from None  # the cause might show the key


def optional_address(value: str) -> str:
    """Accept an empty text or one mail address."""
    try:
        return Address(value.strip()).mailbox if value.strip() else ""
    except ConfigurationError as error:
        raise _wrong(f"{error} {error.remedy}") from error


def label_name(value: str) -> str:
    """Refuse control characters in the name of a label (SEC-05)."""
    if re.search(r"[\x00-\x1f\x7f]", value.strip()):
        raise _wrong("must not contain a line break.")
    return value.strip()


def https_url(value: str) -> str:
    """Accept an https URL without credentials, query or fragment."""
    url = _url(value)
    if url.scheme != "https" or not url.hostname or url.username is not None or url.query or url.fragment:
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


def certificates(value: str) -> str:
    """Accept an empty text or PEM certificates."""
    if value.strip() and "-----BEGIN CERTIFICATE-----" not in value:
        raise _wrong("must be certificates in PEM form, each from BEGIN CERTIFICATE to END CERTIFICATE.")
    return value.strip()


def _url(value: str) -> SplitResult:
    if _CONTROL_OR_SPACE.search(value.strip()):
        raise _wrong("must be a URL without spaces or line breaks.")
    try:
        url = urlsplit(value.strip())
        _ = url.port  # a bad port shows only when it is read
    except ValueError as error:
        raise _wrong("must be a URL.") from error
    return url


def _wrong(said: str) -> PydanticCustomError:
    return PydanticCustomError("text", "{said}", {"said": said})
