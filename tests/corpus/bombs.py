"""Messages of any size that are made to cost time or memory (SEC-07), each a function of its size."""

from collections.abc import Callable

HEAD = b"From: ann@example.org\n"


def _filled(head: bytes, unit: bytes) -> Callable[[int], bytes]:
    return lambda size: head + unit * ((size - len(head)) // len(unit))


def _encoded(encoding: str, unit: bytes) -> Callable[[int], bytes]:
    return _filled(HEAD + f"Content-Transfer-Encoding: {encoding}\n\n".encode(), unit)


def _charset(name: str, unit: bytes) -> Callable[[int], bytes]:
    return _filled(HEAD + f"Content-Type: text/plain; charset={name}\n\n".encode(), unit)


def _parts(unit: bytes, depth: int = 1, boundary: str = "b{}") -> Callable[[int], bytes]:
    names = [boundary.format(level) for level in range(depth)]
    heads = (f'Content-Type: multipart/mixed; boundary="{name}"\n\n--{name}\n' for name in names)
    return _filled(HEAD + "".join(heads).encode() + b"\n", unit)


BOMBS: dict[str, Callable[[int], bytes]] = {
    "empty lines": _filled(HEAD + b"\n", b"\n"),
    "short lines of HTML": _filled(HEAD + b"Content-Type: text/html\n\n", b"a\r\n"),
    "no line at all": _filled(HEAD + b"\n", b"a"),
    "quoted-printable octets": _encoded("quoted-printable", b"=3D\r\n"),
    "soft line breaks": _encoded("quoted-printable", b"= \r\n"),
    "base64 in short lines": _encoded("base64", b"YWFh\r\n"),
    "broken base64": _encoded("base64", b"Y=W-a_\r\n"),
    "padding": _encoded("base64", b"="),
    "uuencode": _encoded("uuencode", b"%:&5L;&\\\n"),
    "uuencode in short lines": _encoded("uuencode", b"!\n"),
    "millions of parts": _parts(b"--b0\n\nx\n"),
    "parts with many headers": _parts(b"--b0\n" + b"Content-A: b\n" * 200 + b"\nx\n"),
    "lines like the boundary": _parts(b"\n--b0x"),
    "lines of dashes": _parts(b"\n--"),
    "many levels around short lines": _parts(b"\n-", depth=400),
    "many levels around a long line": _parts(b"x", depth=400),
    "levels whose boundaries begin alike": lambda size: (
        _parts(b"\n--b0", depth=1, boundary="b")(size // 2)
        + b"".join(f'\n--b\nContent-Type: multipart/mixed; boundary="b{"0" * level}"\n'.encode() for level in range(1, 400))
    ),
    "short headers": _filled(b"", b"X-A: b\n"),
    "one long header": _filled(b"X-A: ", b"b"),
    "headers that never end": _filled(b"X-A: ", b"b\n "),
    "encoded words": _filled(b"Subject: ", b"=?utf-8?q?a?= "),
    "unfinished encoded words": _filled(b"Subject: ", b"=?utf-8?q?"),
    "recipients": _filled(b"To: ", b"ann@example.org,"),
    "open comments": _filled(b"To: ", b"("),
    "parameters": _filled(b"Content-Type: text/plain", b'; a="\\"'),
    "sections": _filled(b"Content-Type: text/plain", b"; name*0*=a"),
    "UTF-7": _charset("utf-7", b"+AGE-"),
    "escape sequences": _charset("iso-2022-jp", b"\x1b$B\x1b(B"),
    "shifts": _charset("hz", b"~{~}"),
    "UTF-8 that breaks at its end": lambda size: _charset("utf-8", "ä".encode())(size) + b"\xff",
}
