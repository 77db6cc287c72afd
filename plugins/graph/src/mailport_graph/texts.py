"""What only the fields of Microsoft Graph look like; the checks that all transports share are ``mailport.texts``."""

from __future__ import annotations

import re
from typing import Literal, get_args

from mailport.texts import split_url, wrong

__all__ = ["Loss", "folder_path", "identifier", "losses", "service_url", "tenant"]

Loss = Literal["plain_text", "threading", "headers", "original", "sent_copy"]
"""What a path of sending may lose, by the name under which an account accepts it."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TENANT = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z.-]*[0-9A-Za-z])?")
# Authorities for people who sign in themselves: an application always belongs to one tenant.
_NO_TENANT = frozenset({"common", "organizations", "consumers"})


def tenant(value: str) -> str:
    """Accept a tenant id or one of the tenant's domains; it becomes part of a URL."""
    name = value.strip()
    if name.lower() in _NO_TENANT:
        raise wrong("must name one tenant; “common” and “organizations” are for people who sign in.")
    if not _TENANT.fullmatch(name):
        raise wrong("must be the Directory (tenant) ID of the app registration, or a domain of the tenant.")
    return name


def identifier(value: str) -> str:
    """Accept a text without spaces and control characters."""
    text = value.strip()
    if not text or re.search(r"\s", text) or _CONTROL.search(text):
        raise wrong("must be the Application (client) ID of the app registration.")
    return text


def folder_path(value: str) -> str:
    """Accept a folder's name, or a path with “/” between names."""
    if _CONTROL.search(value) or not all(part.strip() for part in value.split("/")):
        raise wrong("must be the name of a folder, or a path such as Inbox/Tickets.")
    return value.strip()


def losses(value: str) -> str:
    """Accept a list of losses by name, separated by commas."""
    names = dict.fromkeys(name.strip().lower() for name in value.split(",") if name.strip())
    unknown = [name for name in names if name not in get_args(Loss)]
    if unknown:
        raise wrong(f"does not know “{unknown[0][:40]}”; choose from {', '.join(get_args(Loss))}.")
    return ", ".join(names)


def service_url(value: str) -> str:
    """Accept an empty text or the https address of a cloud's host, with nothing after it."""
    if not value.strip():
        return ""
    url = split_url(value)
    if url.scheme != "https" or not url.hostname or url.username is not None or url.path.strip("/") or url.query:
        raise wrong("must be of the form https://host or https://host:port.")
    return f"https://{url.netloc.lower()}"
