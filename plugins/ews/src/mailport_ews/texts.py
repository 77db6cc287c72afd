"""What only the fields of EWS look like; the checks that all transports share are ``mailport.texts``."""

from __future__ import annotations

import re

from mailport.texts import split_url, wrong

__all__ = ["endpoint", "tenant"]

PATH = "/EWS/Exchange.asmx"
EXPECTED = f"must have the form https://mail.example.org{PATH}"
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


def endpoint(value: str) -> str:
    """Accept the address of EWS and nothing else: a bare name, another path or http are refused (OUT-09)."""
    url = split_url(value, EXPECTED)
    if url.scheme != "https" or not url.hostname or url.path.rstrip("/").lower() != PATH.lower():
        raise wrong(f"{EXPECTED}.")
    if url.username is not None or url.query or url.fragment:
        raise wrong(f"{EXPECTED}, without credentials, query or fragment.")
    return f"https://{url.netloc.lower()}{PATH}"


def tenant(value: str) -> str:
    """Accept a GUID or a domain, which becomes a part of an address."""
    if not _TENANT.fullmatch(value.strip()):
        raise wrong("must be a GUID such as 6f1d1c1e-0000-4000-8000-000000000000, or a domain such as example.org.")
    return value.strip()
