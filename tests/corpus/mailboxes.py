"""Addresses as they come, in every header that holds them."""

from collections.abc import Iterator

from tests.corpus.case import Case, lines, named

LISTS = {
    "ann@example.org": ["ann@example.org"],
    "<ann@example.org>": ["ann@example.org"],
    "Ann <ann@example.org>": ["ann@example.org"],
    "ann@example.org (Ann)": ["ann@example.org"],
    '"Miller, Ann" <ann@example.org>': ["ann@example.org"],
    "Miller, Ann <ann@example.org>": ["ann@example.org"],
    '"Ann \\"A\\" M" <ann@example.org>': ["ann@example.org"],
    "ann@example.org,bob@example.org": ["ann@example.org", "bob@example.org"],
    "ann@example.org; bob@example.org": ["ann@example.org", "bob@example.org"],
    ",,ann@example.org,,": ["ann@example.org"],
    "team: ann@example.org, bob@example.org;": ["ann@example.org", "bob@example.org"],
    "one: ann@example.org; two: bob@example.org;": ["ann@example.org", "bob@example.org"],
    "undisclosed-recipients:;": [],
    "undisclosed recipients: ;": [],
    "<>": [],
    "ann": [],
    "ann@": [],
    "@example.org": [],
    "ann@@example.org": [],
    "ann at example.org": [],
    "ann@example.org bob@example.org": [],
    "ann@exa mple.org": [],
    "<ann@example.org": [],
    "ann@example.org>": [],
    "(ann@example.org": [],
    "((((((ann@example.org": [],
    "<<ann@example.org>>": [],
    "<ann@example.org> <bob@example.org>": [],
    '"ann@example.org': [],
    '"ann b"@example.org': ['"ann b"@example.org'],
    "ann+tag@example.org": ["ann+tag@example.org"],
    "ann@[192.0.2.1]": ["ann@[192.0.2.1]"],
    "ann@[IPv6:2001:db8::1]": ["ann@[IPv6:2001:db8::1]"],
    "<@relay.test:ann@example.org>": ["ann@example.org"],
    "mailto:ann@example.org": ["ann@example.org"],
    "änn@example.org": ["änn@example.org"],
    "ann@exämple.org": ["ann@exämple.org"],
    "=?utf-8?q?=C3=84nn?= <ann@example.org>": ["ann@example.org"],
    "=?utf-8?q?Miller,_Ann?= <ann@example.org>": ["ann@example.org"],
    '"=?utf-8?q?=C3=84nn?=" <ann@example.org>': ["ann@example.org"],
    "=?utf-8?q?eve=40evil=2Etest=2C?= <ann@example.org>": ["ann@example.org"],
    "=?utf-8?b?ZXZlQGV2aWwudGVzdCwg?= <ann@example.org>": ["ann@example.org"],
    "=?utf-8?q?=3Ceve=40evil=2Etest=3E?= <ann@example.org>": ["ann@example.org"],
    "eve@evil.test <ann@example.org>": ["ann@example.org"],
    "a" * 500 + "@example.org": [],
    "x" * 5000 + " <ann@example.org>": ["ann@example.org"],
    "ann\x01@example.org": [],
    "Ann\x07 <ann@example.org>": ["ann@example.org"],
}


def cases() -> Iterator[Case]:
    yield from named("mailbox", _lists())
    yield from named("mailbox-raw", _raw())


def _lists():
    for value, mailboxes in LISTS.items():
        raw = lines(f"From: {value}", f"To: {value}", f"Reply-To: {value}", "", "hello")
        yield f"the list {value[:50]!r}", raw, {"to": mailboxes, "reply_to": mailboxes, "text": "hello\n"}


def _raw():
    yield "a name in latin-1", b"To: M\xfcller <ann@example.org>\r\n\r\n", {"to": ["ann@example.org"]}
    yield "a mailbox in latin-1", b"To: <m\xfcller@example.org>\r\n\r\n", {"to": ["müller@example.org"]}
    yield "a folded list", b"To: ann@example.org,\r\n\tbob@example.org\r\n\r\n", {"to": ["ann@example.org", "bob@example.org"]}
    yield (
        "the same header twice",
        b"To: ann@example.org\r\nTo: bob@example.org\r\n\r\n",
        {"to": ["ann@example.org", "bob@example.org"]},
    )
    many = [f"user{number}@example.org" for number in range(3000)]
    yield "thousands of recipients", b"To: " + ",\r\n ".join(many).encode() + b"\r\n\r\n", {"to": many}
    yield "open parentheses", b"To: " + b"(" * 100_000 + b"\r\n\r\n", {"to": []}
    yield "open quotations", b"To: " + b'"\\"' * 50_000 + b"\r\n\r\n", {}
    yield "open brackets", b"To: " + b"<" * 100_000 + b"\r\n\r\n", {"to": []}
