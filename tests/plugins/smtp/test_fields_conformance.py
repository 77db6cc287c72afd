"""The conformance cases of settings, for SMTP, IMAP and POP3."""

from collections.abc import Mapping
from typing import Any

import pytest

from mailport.fields import Direction
from mailport.testing.conformance import Declared, FieldsConformance

SERVER = {"host": "mail.example.test", "user_name": "ann@example.test"}
PASSWORD = {"password": "kestrel-amber-42"}
OAUTH = {
    "authentication": "xoauth2",
    "token_url": "https://login.example.test/token",
    "scope": "mail",
    "client_id": "c1",
    "client_secret_key": "heron-violet-17",
}
RECEIVING: tuple[Mapping[str, Any], ...] = (
    SERVER | PASSWORD | {"authentication": "auth_login", "login": "ann", "port": 993, "use_ssl_tls": "SSL"},
    SERVER | PASSWORD | {"authentication": "plain", "minimum_tls_version": "1.3"},
    SERVER | OAUTH | {"email_component_type": "advanced"},
)


class TestFields(FieldsConformance):  # PLG-01
    """What the plugin declares."""

    @pytest.fixture
    def declared(self) -> Declared:
        return Declared(
            module="mailport_smtp.plugin",
            libraries=("aiosmtplib", "imapclient", "imaplib", "poplib", "smtplib", "scramp", "jwt"),
            samples=(
                ("smtp", Direction.OUTGOING, SERVER | PASSWORD | {"from_address": "desk@example.test"}),
                ("smtp", Direction.OUTGOING, SERVER | OAUTH),
                ("smtp", Direction.OUTGOING, SERVER | {"authentication": "none", "max_connections": 7}),
                *(("imap", Direction.INCOMING, values | {"folder": "Support"}) for values in RECEIVING),
                *(("pop3", Direction.INCOMING, values) for values in RECEIVING),
            ),
            old=(
                # OUT-04: records of the SMTP-only generation, with Use SSL/TLS as a switch.
                ("smtp", Direction.OUTGOING, SERVER | {"authentication": "none", "use_ssl_tls": False}),
                ("smtp", Direction.OUTGOING, SERVER | PASSWORD | {"port": 587, "use_ssl_tls": True}),
            ),
        )
