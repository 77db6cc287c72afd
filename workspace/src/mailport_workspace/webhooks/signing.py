"""Signatures as Standard Webhooks 1.0 has them: HMAC-SHA256 over id, time and body (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

__all__ = ["new_signing_key", "signed_headers"]

_PREFIX = "whsec_"
_KEY_BYTES = 32


def new_signing_key() -> str:
    """Return a fresh key as people copy it: ``whsec_`` and base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def signed_headers(keys: Sequence[str], message_id: str, moment: datetime, body: bytes) -> dict[str, str]:
    """Return the headers that prove who sent ``body``, and when; one signature for each key, while a new one is made known.

    Raises ``ValueError`` for a key that is none.
    """
    timestamp = str(int(moment.timestamp()))
    signed = b".".join([message_id.encode(), timestamp.encode(), body])
    signatures = [base64.b64encode(hmac.digest(_bytes_of(key), signed, hashlib.sha256)).decode() for key in keys]
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _bytes_of(key: str) -> bytes:
    try:
        return base64.b64decode(key.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("the signing key is not base64") from error
