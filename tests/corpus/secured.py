"""Signed and encrypted mail: every part as it came, since one changed octet breaks a signature."""

from collections.abc import Iterator

from tests.corpus.case import Case, mail, multipart, named, part

SIGNED_TEXT = part("text/plain; charset=utf-8", b"trailing \r\n\r\n-- \r\nann", "X-Odd:   kept  ")
SIGNATURE = b"-----BEGIN PGP SIGNATURE-----\r\n\r\nabc\r\n-----END PGP SIGNATURE-----"
ENCRYPTED = b"-----BEGIN PGP MESSAGE-----\r\n\r\nabc\r\n-----END PGP MESSAGE-----"


def cases() -> Iterator[Case]:
    yield from named("secured", _secured())


def _secured():
    pgp = part('application/pgp-signature; name="signature.asc"', SIGNATURE)
    signed = {"text": "trailing \n\n-- \nann", "files": [("signature.asc", SIGNATURE)]}
    yield "signed with PGP", multipart(SIGNED_TEXT, pgp, kind='signed; protocol="application/pgp-signature"; x="y'), {}
    yield "signed with PGP, no parameters", multipart(SIGNED_TEXT, pgp, kind="signed"), signed
    smime = part("application/pkcs7-signature; name=smime.p7s", b"MIAG\r\n", "Content-Transfer-Encoding: base64")
    yield "signed with S/MIME", multipart(SIGNED_TEXT, smime, kind="signed"), {"files": [("smime.p7s", b"0\x80\x06")]}
    opaque = mail("Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m", body=b"\x30\x80\x06\x09")
    yield "signed with S/MIME, opaque", opaque, {"files": [("smime.p7m", b"\x30\x80\x06\x09")]}
    yield "signed, the signature is missing", multipart(SIGNED_TEXT, kind="signed"), {"text": "trailing \n\n-- \nann"}
    version = part("application/pgp-encrypted", b"Version: 1")
    data = part("application/octet-stream; name=encrypted.asc", ENCRYPTED)
    yield (
        "encrypted with PGP",
        multipart(version, data, kind="encrypted"),
        {
            "text": "",
            "files": [("", b"Version: 1"), ("encrypted.asc", ENCRYPTED)],
        },
    )
    yield "encrypted with PGP in the text", mail(body=ENCRYPTED), {"text": ENCRYPTED.decode().replace("\r\n", "\n")}
    yield (
        "winmail.dat that is none",
        multipart(part("application/ms-tnef; name=winmail.dat", b"\x78\x9f\x3e\x22")),
        {"files": [("winmail.dat", b"\x78\x9f\x3e\x22")]},
    )
