"""Texts in settings fields: what is accepted, and that nothing carries a line break."""

from typing import Literal

import pytest

from mailport.account import validate
from mailport.errors import ConfigurationError
from mailport.fields import Direction, ProtocolFields, setting
from mailport.groups import ClientProof, Network
from mailport.texts import HttpsUrl, OneLine, OneLineSecret, OptionalAddress

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----"
KEY = "-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----"


class Everything(ClientProof, Network):
    authentication: Literal["all"] = setting("all", label="Authentication", choices={"all": "All"})
    line: OneLine = setting("", label="Line")
    secret: OneLineSecret = setting("x", label="Secret")
    address: OptionalAddress = setting("", label="Address")
    url: HttpsUrl = setting("https://example.org/", label="URL")


PROTOCOL = ProtocolFields(key="all", title="All", outgoing=(Everything,))


def settings(**values):
    return validate(PROTOCOL, Direction.OUTGOING, {"client_secret_key": "s"} | values).settings


@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [
        ("line", "  a b ", "a b"),
        ("address", " ann@example.org ", "ann@example.org"),
        ("address", " ", ""),
        ("url", " https://example.org:8443/path ", "https://example.org:8443/path"),
        ("proxy_url", "socks5://proxy:1080", "socks5://proxy:1080"),
        ("ca_certificates", f"\n{CERTIFICATE}\n", CERTIFICATE),
    ],
)
def test_good_texts_are_kept_trimmed(field, given, kept):
    """White space around a value is no part of it."""
    assert getattr(settings(**{field: given}), field) == kept


def test_a_secret_keeps_its_spaces():
    """A password may begin or end with a space."""
    assert settings(secret=" s ").secret.get_secret_value() == " s "


@pytest.mark.parametrize(
    ("field", "given"),
    [
        *[(field, f"a{bad}b") for field in ("line", "secret", "address", "url", "proxy_url") for bad in "\r\n\0\ud800"],
        ("client_secret_key", "a\nb"),
        ("url", "http://example.org/"),
        ("url", "https://user@example.org/"),
        ("url", "https://example.org:99999/"),
        ("proxy_url", "socks5://user:password@proxy:1080"),
        ("proxy_url", "proxy:1080"),
        ("ca_certificates", "no certificate"),
        ("client_certificate", CERTIFICATE),
        ("address", "nobody"),
    ],
)
def test_bad_texts_are_refused_at_their_field(field, given):  # SEC-05
    """Each wrong text is refused with a sentence, at its field."""
    with pytest.raises(ConfigurationError) as caught:
        settings(**{field: given})
    assert caught.value.field == field


def test_a_client_proves_itself_by_exactly_one_of_two():  # OUT-15
    """A secret or a certificate, not neither and not both."""
    assert settings(client_secret_key="", client_certificate=CERTIFICATE + KEY).client_secret_key is None
    for values, field in (
        ({"client_secret_key": ""}, "client_secret_key"),
        ({"client_certificate": CERTIFICATE + KEY}, "client_certificate"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            settings(**values)
        assert caught.value.field == field
