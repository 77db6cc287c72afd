"""Headers that are broken, missing, repeated, folded, encoded or endless."""

from collections.abc import Iterator

from tests.corpus.case import Case, lines, mail, named

TEXT = {"text": "hello\n"}
WHOLE = {"text": "hello\n", "to": ["bob@example.org"]}


def cases() -> Iterator[Case]:
    yield from named("nothing", _nothing())
    yield from named("head", _broken())
    yield from named("subject", _subjects())
    yield from named("line-end", _line_ends())


def _nothing():
    yield "no bytes", b"", {"text": "", "subject": "", "sender": None}
    yield "an empty line", b"\r\n", {"text": ""}
    yield "only line feeds", b"\n" * 50, {"sender": None}
    yield "only carriage returns", b"\r" * 50
    yield "one NUL", b"\0"
    yield "only NULs", b"\0" * 300
    yield "every octet", bytes(range(256))
    yield "every octet as the body", mail(body=bytes(range(256))), {"to": ["bob@example.org"]}
    yield "only text, no header", b"hello\r\nworld\r\n", {"text": "hello\nworld\n"}
    yield "only text with an empty line", b"hello\r\n\r\nworld\r\n", {"text": "hello\n\nworld\n"}
    yield "a body after an empty line", b"\r\nhello\r\n", TEXT
    yield "headers without a body", lines("From: ann@example.org", "Subject: x"), {"subject": "x", "text": ""}
    yield "headers without a final line end", b"From: ann@example.org\r\nSubject: x", {"subject": "x"}
    yield "a name without a value", b"Subject:", {"subject": ""}
    yield "a name without a colon", b"Subject", {"subject": ""}
    yield "a colon", b":"
    yield "white space", b" \t \r\n \t"
    for name in (
        "From",
        "To",
        "Cc",
        "Subject",
        "Date",
        "Message-ID",
        "References",
        "Content-Type",
        "Content-Transfer-Encoding",
    ):
        yield f"an empty {name}", lines(f"{name}:", "", "hello"), TEXT
        yield f"{name} with nothing but quotes and brackets", lines(f'{name}: ";<>(', "", "hello"), TEXT


def _broken():
    yield "the first line of a mailbox file", b"From ann@example.org Tue Nov 24 10:00:00 2026\r\n" + mail(), WHOLE
    yield "a quoted first line of a mailbox file", b">From ann Tue Nov 24 10:00:00 2026\r\n" + mail(), WHOLE
    yield "a line that is no header in the middle", mail("no header at all", "Subject: x"), WHOLE | {"subject": "x"}
    yield "a continuation that was not indented", mail("Subject: one", "two", "Cc: c@example.org"), {"cc": ["c@example.org"]}
    yield "a first line that is a continuation", b" folded\r\n" + mail(), {}
    yield "a name with a space before the colon", mail("Subject : x"), WHOLE | {"subject": "x"}
    yield "a name with a space inside", mail("My Header: x", "Subject: y"), WHOLE | {"subject": "y"}
    yield "a name of 8-bit letters", mail("Gr\u00fc\u00dfe: x", "Subject: y"), WHOLE | {"subject": "y"}
    yield "a name of control characters", mail(b"X-\x01\x02: x", "Subject: y"), WHOLE | {"subject": "y"}
    yield "an endless name", mail("X" * 100_000 + ": x"), WHOLE
    yield "an endless value", mail("X-Long: " + "x" * 200_000), WHOLE
    yield "an endless subject", mail("Subject: " + "x" * 200_000), WHOLE | {"subject": "x" * 200_000}
    yield "thousands of headers", mail(*(f"X-{number}: {number}" for number in range(20_000))), WHOLE
    yield "headers beyond a megabyte", mail(*("X-Long: " + "x" * 990 for _ in range(1200))), {"to": ["bob@example.org"]}
    yield "a header folded a thousand times", mail("Subject: a" + "\r\n b" * 1000), WHOLE | {"subject": "a" + " b" * 1000}
    yield "a header folded with empty continuations", mail("Subject: a\r\n \r\n b"), {}
    yield "every header twice", mail("Subject: one", "Subject: two", "Date: x", "Date: y"), WHOLE | {"subject": "one"}
    yield "names in capitals", mail("SUBJECT: x", "CC: c@example.org"), {"subject": "x", "cc": ["c@example.org"]}
    yield "no space after the colon", lines("From:ann@example.org", "To:bob@example.org", "Subject:x", "", "hello"), WHOLE
    yield "tabs around values", mail("Subject:\t\tx\t"), WHOLE | {"subject": "x"}
    yield "a NUL in a value", mail(b"Subject: a\0b"), WHOLE | {"subject": "ab"}
    yield "an escape sequence in a value", mail(b"Subject: \x1b[31mred"), WHOLE
    yield "a vertical tab in a value", mail(b"Subject: a\x0bb"), WHOLE | {"subject": "a b"}
    yield (
        "a carriage return in a value",
        mail(b"Subject: a\rBcc: eve@example.org"),
        {"bcc": [], "subject": "a Bcc: eve@example.org"},
    )
    yield "an octet in a MIME version", mail("MIME-Version: (1.0"), WHOLE
    yield "a thousand received lines", mail(*("Received: from a by b; x" for _ in range(1000))), WHOLE


def _subjects():
    yield "raw UTF-8", mail("Subject: Grüße"), {"subject": "Grüße"}
    yield "raw latin-1", mail(b"Subject: Gr\xfc\xdfe"), {"subject": "Grüße"}
    yield "raw UTF-8 and latin-1 in one value", mail(b"Subject: \xc3\xbc \xfc"), {"subject": "ü ü"}
    yield "octets that no charset has", mail(b"Subject: \x81\x8d\xff\xfe")
    encoded = {
        "=?utf-8?q?Gr=C3=BC=C3=9Fe?=": "Grüße",
        "=?UTF-8?Q?Gr=c3=bc=c3=9fe?=": "Grüße",
        "=?utf-8?b?R3LDvMOfZQ==?=": "Grüße",
        "=?utf-8?B?R3LDvMOfZQ?=": "Grüße",
        "=?utf-8*de?q?Gr=C3=BC=C3=9Fe?=": "Grüße",
        "=?iso-8859-1?q?Gr=FC=DFe?=": "Grüße",
        "=?utf-8?q?a?= =?utf-8?q?b?=": "ab",
        "=?utf-8?q?a?=\r\n =?utf-8?q?b?=": "ab",
        "=?utf-8?q?a?= b =?utf-8?q?c?=": "a b c",
        "=?utf-8?q?a?==?utf-8?q?b?=": "ab",
        "x=?utf-8?q?a?=y": "xay",
        "=?utf-8?q?=C3?= =?utf-8?q?=BC?=": "ü",
        "=?utf-8?b?w7w=?= =?iso-8859-1?q?=FC?=": "üü",
        "=?utf-8?q?a_b?=": "a b",
        "=?utf-8?q?a b?=": "a b",
        "=?utf-8?q?100=25?=": "100%",
        "=?utf-8?q?=ZZ?=": "=ZZ",
        "=?utf-8?q?=?=": "",
        "=?utf-8?q??=": "",
        "=?utf-8?b??=": "",
        "=?utf-8?b?!!!!?=": "",
        "=?utf-8?b?Y?=": "",
        "=?utf-8?x?abc?=": "=?utf-8?x?abc?=",
        "=?utf-8?q?unfinished": "=?utf-8?q?unfinished",
        "=?utf-8?q?unfinished?": "=?utf-8?q?unfinished?",
        "=??q?a?=": "=??q?a?=",
        "=?=?=?=?": "=?=?=?=?",
        "=?nonsense?q?caf=E9?=": "café",
        "=?utf-8?q?caf=E9?=": "café",
        "=?us-ascii?q?caf=C3=A9?=": "café",
        "=?utf-7?q?Gr+APwA3w-e?=": "Grüße",
        "=?utf-7?q?+2AA-?=": "+2AA-",
        "=?idna?q?xn--bcher-kva?=": "xn--bcher-kva",
        "=?utf-8?q?a=0D=0ABcc:_eve?=": "a Bcc: eve",
        "=?utf-8?q?a=00b?=": "ab",
        "=?utf-8?q?=E2=80=AEtxt=2Eexe?=": "\u202etxt.exe",
        "=?gb2312?b?xOO6ww==?=": "你好",
        "=?iso-2022-jp?b?GyRCJDMkcyRLJEEkTxsoQg==?=": "こんにちは",
        "=?koi8-r?b?8NLJ18XU?=": "Привет",
        "=?utf-16?b?//5hAGIA?=": "ab",
    }
    for value, subject in encoded.items():
        yield f"the encoded word {value[:40]!r}", mail(f"Subject: {value}"), {"subject": subject}
    yield "many unfinished words", mail("Subject: " + "=?utf-8?q?" * 20_000), {}
    yield "many words", mail("Subject: " + "=?utf-8?q?a?= " * 5000), {"subject": "a" * 5000}
    yield "one endless word", mail("Subject: =?utf-8?b?" + "YWFh" * 20_000 + "?="), {"subject": "a" * 60_000}


def _line_ends():
    for name, end in {"line feeds": b"\n", "both": b"\r\n"}.items():
        yield f"{name} only", mail("Subject: x").replace(b"\r\n", end), WHOLE | {"subject": "x"}
    mixed = b"From: ann@example.org\nTo: bob@example.org\r\nSubject: x\n\r\nhello\r\n"
    yield "line feeds and both, mixed", mixed, WHOLE | {"subject": "x"}
    yield "an empty line of the other kind", mixed.replace(b"\n\r\n", b"\r\n\n"), WHOLE | {"subject": "x"}
    yield "carriage returns only", mail("Subject: x").replace(b"\r\n", b"\r")
    yield "doubled carriage returns", mail("Subject: x").replace(b"\r\n", b"\r\r\n")
    yield (
        "no empty line before the body",
        lines("From: ann@example.org", "Subject: x", "hello there"),
        {"text": "hello there\n"},
    )
    yield "the body ends without a line end", mail(body=b"hello"), {"text": "hello"}
    yield "a line of a megabyte", mail(body=b"x" * 1_000_000), {"text": "x" * 1_000_000}
    yield "a lone dot", mail(body=b".\r\n..\r\n"), {"text": ".\n..\n"}
