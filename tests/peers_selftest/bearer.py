"""Bearer tokens in the hands of the standard library's clients, which know nothing of them."""

import base64
import poplib


def xoauth2(username: str, token: str) -> str:
    """In base64."""
    return _encode(f"user={username}\1auth=Bearer {token}\1\1")


def oauthbearer(username: str, token: str) -> str:
    """In base64 (RFC 7628)."""
    return _encode(f"n,a={username},\1auth=Bearer {token}\1\1")


class Exchange:
    """The callback of `imaplib.IMAP4.authenticate`: gives its answers one by one, keeps the challenges."""

    def __init__(self, *answers: bytes) -> None:
        self.challenges: list[bytes] = []
        self._answers = list(answers)

    def __call__(self, challenge: bytes) -> bytes:
        self.challenges.append(challenge)
        return self._answers.pop(0)


def command(client: poplib.POP3, line: str) -> bytes:
    """Send a command that poplib has no method for; the reply."""
    reply: bytes = client._shortcmd(line)  # type: ignore[attr-defined]
    return reply


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
