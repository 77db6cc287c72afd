"""Under which name a token is kept."""

from __future__ import annotations

import hashlib

from mailport_google.fields import GoogleSettings

__all__ = ["credential"]


def credential(settings: GoogleSettings) -> str:
    """Return the name under which the token is kept: everything that decides what it is good for."""
    facts = (
        settings.token_url,
        settings.service_account_address,
        settings.private_key.get_secret_value(),
        settings.user_name,
        *settings.scopes,
        settings.ca_certificates,
        settings.proxy_url,
    )
    return f"google {hashlib.sha256(chr(0).join(facts).encode()).hexdigest()}"
