"""Exchange as Microsoft hosts it: where it lives, and that EWS ends there on 2027-04-01. Exchange Server is not concerned."""

from __future__ import annotations

import logging
import warnings
from functools import lru_cache
from urllib.parse import urlsplit

__all__ = ["ENDS", "HostedEwsWarning", "blocked_remedy", "is_hosted", "warn_if_hosted"]

_log = logging.getLogger(__name__)

_DOMAINS = ("office365.com", "office.com", "office365.us", "outlook.cn", "outlook.com")
"""The global, US government and Chinese clouds, and the consumer service."""

ENDS = (
    "Microsoft switches EWS off in Exchange Online on 2027-04-01, and blocks it since 2026-10-01 unless an administrator "
    "allows it. Its successor is Microsoft Graph: move this account to the protocol “graph” (mailport migrate-to-graph)."
)


class HostedEwsWarning(DeprecationWarning):
    """An account uses EWS where it is about to end (VER-04)."""


def is_hosted(url: str) -> bool:
    """Whether an EWS address belongs to a cloud of Microsoft."""
    host = (urlsplit(url).hostname or "").lower()
    return any(host == domain or host.endswith(f".{domain}") for domain in _DOMAINS)


def warn_if_hosted(url: str) -> None:
    """Warn about an address at which EWS ends, in the log as well; the account loads all the same."""
    if is_hosted(url):
        _log_once(url)
        warnings.warn(ENDS, HostedEwsWarning, stacklevel=2)


@lru_cache(maxsize=1024)
def _log_once(url: str) -> None:
    """Tell operators, who see no warnings of Python; an account is loaded at every poll, and told of once."""
    _log.warning("%s: %s", url, ENDS)


def blocked_remedy(client_id: str) -> str:
    """Return what an administrator can do about EWS that is switched off in a Microsoft 365 tenant."""
    app = f"app id {client_id}" if client_id else "your application's id"
    return (
        f"EWS is switched off in this Microsoft 365 tenant, or the application lacks a right. Ask your admin to add {app} to "
        "EwsAllowedAppIDs (Set-OrganizationConfig -EwsAllowedAppIDs; works until 31 Mar 2027) and to grant full_access_as_app "
        "or the RBAC role Application EWS.AccessAsApp, or move this account to the graph plugin."
    )
