"""Names of attachments: encoded in every way, and hostile."""

from collections.abc import Iterator

from tests.corpus.case import Case, multipart, named, part

ENCODED = {
    "filename=a.pdf": "a.pdf",
    'filename="a b.pdf"': "a b.pdf",
    "filename=a b.pdf": "a b.pdf",
    "filename = a.pdf": "a.pdf",
    'filename="a\\"b.pdf"': 'a"b.pdf',
    'filename="a;b.pdf"': "a;b.pdf",
    'filename="a.pdf': "a.pdf",
    "filename='a.pdf'": "'a.pdf'",
    'FILENAME="a.pdf"': "a.pdf",
    'filename="a.pdf"; filename="b.pdf"': "a.pdf",
    "filename*=utf-8''%C3%BC.pdf": "ü.pdf",
    "filename*=UTF-8'de'%c3%bc.pdf": "ü.pdf",
    "filename*=iso-8859-1''%FC.pdf": "ü.pdf",
    "filename*=nonsense''%C3%BC.pdf": "ü.pdf",
    "filename*=''%C3%BC.pdf": "ü.pdf",
    "filename*=%C3%BC.pdf": "ü.pdf",
    "filename*=utf-8''%ZZ.pdf": "%ZZ.pdf",
    "filename*=utf-8''%": "%",
    "filename*=utf-8'": "utf-8'",
    "filename=a.pdf; filename*=utf-8''%C3%BC.pdf": "ü.pdf",
    "filename*0=a; filename*1=b.pdf": "ab.pdf",
    'filename*0="a "; filename*1="b.pdf"': "a b.pdf",
    "filename*1=b.pdf; filename*0=a": "ab.pdf",
    "filename*0=a; filename*2=c.pdf": "a",
    "filename*0*=utf-8''%C3; filename*1*=%BC.pdf": "ü.pdf",
    "filename*0*=utf-8''%C3%BC; filename*1=.pdf": "ü.pdf",
    'filename="=?utf-8?q?=C3=BC.pdf?="': "ü.pdf",
    "filename==?utf-8?q?=C3=BC.pdf?=": "ü.pdf",
    'filename="=?utf-8?b?w7w=?= =?utf-8?q?.pdf?="': "ü.pdf",
    'filename="ü.pdf"': "ü.pdf",
    "filename=": "",
    'filename=""': "",
    "filename": "",
    "filename*=": "",
}
HOSTILE = {
    "../../etc/passwd": "passwd",
    "/etc/passwd": "passwd",
    "..\\..\\windows\\system.ini": "system.ini",
    "C:\\Users\\ann\\a.pdf": "a.pdf",
    "a/": "",
    ".": "",
    "..": "",
    "...": "",
    ".htaccess": "htaccess",
    "a.pdf.": "a.pdf",
    "a.pdf   ": "a.pdf",
    "a\tb.pdf": "ab.pdf",
    "a\x00b.pdf": "ab.pdf",
    "a\x1b[31m.pdf": "a[31m.pdf",
    "a\x7f\x85.pdf": "a .pdf",
    "invoice_\u202efdp.exe": "invoice_fdp.exe",
    "a\u2066b\u2069.pdf": "ab.pdf",
    "a\u200b.pdf": "a.pdf",
    "a\u2028b.pdf": "a b.pdf",
    "\ufeffa.pdf": "a.pdf",
    "x" * 300 + ".pdf": "x" * 251 + ".pdf",
    "ü" * 300 + ".pdf": "ü" * 125 + ".pdf",
    "x" * 300: "x" * 255,
    "." * 5000: "",
    "a.pdf" + " " * 5000 + ".exe": "a.pdf.exe",
    "CON": "CON",
    "你好.pdf": "你好.pdf",
    "👩‍👩‍👧.png": "👩‍👩‍👧.png",
}


def cases() -> Iterator[Case]:
    yield from named("name", _encoded())
    yield from named("name-hostile", _hostile())
    yield from named("content-id", _content_ids())


def _encoded():
    for parameter, name in ENCODED.items():
        raw = multipart(part("application/x-a", b"x", f"Content-Disposition: attachment; {parameter}"))
        yield f"the parameter {parameter!r}", raw, {"files": [(name, b"x")]}
    yield "the name in the content type", multipart(part("application/x-a; name=a.pdf", b"x")), {"files": [("a.pdf", b"x")]}
    yield "no name anywhere", multipart(part("application/x-a", b"x")), {"files": [("", b"x")]}


def _hostile():
    for name, kept in HOSTILE.items():
        octets = "".join(f"%{octet:02X}" for octet in name.encode())
        raw = multipart(part("application/x-a", b"x", f"Content-Disposition: attachment; filename*=utf-8''{octets}"))
        yield f"the name {name[:30]!r}", raw, {"files": [(kept, b"x")]}


def _content_ids():
    for value in ("<a@x>", "a@x", "<a@x> ", "<<a@x>>", "=?utf-8?q?=3Ca=40x=3E?="):
        yield f"the content id {value!r}", multipart(part("image/png", b"x", f"Content-ID: {value}")), {"content_ids": ["a@x"]}
    for value in ("", "<>", "a\x01b", "<" + "x" * 100_000 + ">", "<a\0b>"):
        yield f"the content id {value[:20]!r}", multipart(part("image/png", b"x", f"Content-ID: {value}")), {}
