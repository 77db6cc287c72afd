"""A recording SMTP server of aiosmtpd, in this process."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.peers.ports import HOST, free_port


class Recorder:
    """Keeps the envelope of every message: `mail_from`, `mail_options`, `rcpt_tos`, `content`."""

    host = HOST

    def __init__(self) -> None:
        self.port = free_port()
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Called by aiosmtpd when a message is complete."""
        self.envelopes.append(envelope)
        return "250 2.0.0 Ok"


@contextmanager
def serve_aiosmtpd(
    *,
    users: Mapping[str, str] | None = None,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    max_size: int | None = 33554432,
) -> Iterator[Recorder]:
    """An aiosmtpd until the block ends.

    With `users` (passwords by name) AUTH is offered. `starttls` offers and requires the upgrade, `tls` is implicit
    TLS; `max_size` is announced and enforced.
    """
    recorder = Recorder()
    options: dict[str, Any] = {"data_size_limit": max_size, "server_hostname": "mail.example.test", "tls_context": starttls}
    if starttls:
        options |= {"require_starttls": True}
    if users is not None:
        # aiosmtpd does not notice implicit TLS when it asks whether a password may be sent.
        options |= {"authenticator": _authenticator(users), "auth_require_tls": starttls is not None}
    controller = Controller(recorder, HOST, recorder.port, ssl_context=tls, **options)
    controller.start()
    try:
        yield recorder
    finally:
        controller.stop()


def _authenticator(users: Mapping[str, str]) -> Any:
    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, credentials: LoginPassword) -> AuthResult:
        known = users.get(credentials.login.decode())
        return AuthResult(success=known == credentials.password.decode(), handled=False)

    return check
