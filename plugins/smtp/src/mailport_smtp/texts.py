"""What only the fields of mail servers look like; the checks that all transports share are ``mailport.texts``."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import ip_address

from mailport.texts import wrong

__all__ = ["host_name", "tls_choice"]

_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)*")
# Stored on/off values of older products mean TLS/none (OUT-23); a form or a file may spell them in several ways.
_TLS_WORDS = {"tls": "TLS", "starttls": "TLS", "on": "TLS", "true": "TLS", "yes": "TLS", "1": "TLS", "ssl": "SSL"}
_TLS_WORDS |= dict.fromkeys(("none", "off", "false", "no", "0", ""), "none")


def tls_choice(value: object) -> object:
    """Return what a stored value of Use SSL/TLS means today."""
    return _TLS_WORDS.get(str(value).strip().lower(), value) if isinstance(value, str | bool | int) else value


def host_name(value: str) -> str:
    """Accept a host name or an IP address, and nothing around it (OUT-10)."""
    host = value.strip().rstrip(".")
    if "/" in host:
        raise wrong("must be a host name such as mail.example.org, not a URL.")
    with suppress(ValueError):
        return str(ip_address(host.strip("[]")))
    if re.fullmatch(rf"{_HOST.pattern}:\d+", host):
        raise wrong("must be a host name alone; the port has a field of its own.")
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise wrong("must be a host name such as mail.example.org.")
    return host
