"""The initial responses of XOAUTH2 and OAUTHBEARER, as the clients of these tests send them."""

import base64


def xoauth2(username: str, token: str) -> str:
    """In base64."""
    return _encode(f"user={username}\1auth=Bearer {token}\1\1")


def oauthbearer(username: str, token: str) -> str:
    """In base64 (RFC 7628)."""
    return _encode(f"n,a={username},\1auth=Bearer {token}\1\1")


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
