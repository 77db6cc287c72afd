r"""The private key as people paste it, to one PEM text; purely textual, the cryptography comes when the key is used.

Accepted are PEM (PKCS#8 and PKCS#1), PEM whose line ends became ``\n`` or spaces on the way, and the whole JSON key file
that Google offers for download (OUT-12).
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode
from textwrap import wrap

__all__ = ["normalised"]

_ARMOUR = re.compile(r"-----BEGIN ((?:RSA )?PRIVATE KEY)-----(.*?)-----END \1-----", re.DOTALL)


def normalised(text: str, address: str) -> str:
    """Return the key as PEM with line feeds. Raises ``ValueError`` that says what is wrong; it never shows the key.

    ``address`` is the Service Account Address, with which a JSON key file must agree.
    """
    pem = _from_key_file(text, address) if text.strip().startswith("{") else text
    unescaped = pem.replace("\\r", "").replace("\\n", "\n")
    if "BEGIN ENCRYPTED" in unescaped or "4,ENCRYPTED" in unescaped:
        raise ValueError("has a passphrase; Google's keys have none, so paste the one from the key file.")
    found = _ARMOUR.search(unescaped)
    if found is None:
        raise ValueError("must be a key in PEM form, from BEGIN PRIVATE KEY to END PRIVATE KEY, or the whole JSON key file.")
    label, body = found[1], "".join(found[2].split())
    _check_base64(body)
    return "\n".join([f"-----BEGIN {label}-----", *wrap(body, 64), f"-----END {label}-----", ""])


def _from_key_file(text: str, address: str) -> str:
    try:
        file = json.loads(text, strict=False)
    except ValueError:
        # from None: the cause would show the key
        raise ValueError(
            "looks like a JSON key file and cannot be read; paste the file from its first { to its last }."
        ) from None
    if not isinstance(file.get("private_key"), str):
        raise ValueError("is a JSON file without a private key; download the key of a service account, not an OAuth client.")
    owner = str(file.get("client_email") or address)
    if address and owner.lower() != address.lower():
        raise ValueError(f"is the key of {owner[:100]}, not of the Service Account Address.")
    return str(file["private_key"])


def _check_base64(body: str) -> None:
    try:
        complete = bool(b64decode(body, validate=True))
    except binascii.Error:
        complete = False
    if not complete:
        raise ValueError("is damaged: between its first and last line stands something that is not base64.")
