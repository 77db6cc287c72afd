"""Dates and message ids that follow no standard."""

from collections.abc import Iterator
from datetime import UTC, datetime

from tests.corpus.case import Case, mail, named

TEN = datetime(2026, 11, 24, 10, tzinfo=UTC)
DATES = {
    "Tue, 24 Nov 2026 10:00:00 +0000": TEN,
    "Tue, 24 Nov 2026 10:00:00 -0000": TEN,
    "Tue, 24 Nov 2026 10:00:00 GMT": TEN,
    "Tue, 24 Nov 2026 05:00:00 EST": TEN,
    "24 Nov 2026 10:00:00 +0000": TEN,
    "24 Nov 26 10:00 +0000": TEN,
    "Tue, 24 Nov 2026 10:00:00 +0000 (UTC)": TEN,
    "Tue, 24 Nov 2026 10:00:00": TEN,
    "": None,
    "yesterday": None,
    "Tue, 32 Nov 2026 10:00:00 +0000": None,
    "Tue, 24 Nov 2026 25:61:61 +0000": None,
    "Tue, 24 Nov 99999 10:00:00 +0000": None,
    "1" * 5000: None,
    "Tue, 24 Nov " + "9" * 5000: None,
    "(((((": None,
}
IDS = {
    "<a@example.org>": "<a@example.org>",
    "a@example.org": "<a@example.org>",
    "<[a]@example.org>": "<[a]@example.org>",
    "<a b@example.org>": "<a>",
    "<>": "",
    "": "",
    "<<a@example.org>>": "<a@example.org>",
    "<a@example.org> (comment)": "<a@example.org>",
    "<" + "x" * 2000 + "@example.org>": "<" + "x" * 2000 + "@example.org>",
    "<a@example.org><b@example.org>": "<a@example.org>",
    "<no-domain>": "<no-domain>",
    "<ä@example.org>": "<ä@example.org>",
}


def cases() -> Iterator[Case]:
    yield from named(
        "date", ((f"the date {value[:40]!r}", mail(f"Date: {value}"), {"date": date}) for value, date in DATES.items())
    )
    yield from named("id", _ids())


def _ids():
    for value, message_id in IDS.items():
        yield f"the id {value[:40]!r}", mail(f"Message-ID: {value}"), {"message_id": message_id}
    yield "references without spaces", mail("References: <a@x.org><b@x.org>"), {"references": ("<a@x.org>", "<b@x.org>")}
    yield "references with commas", mail("References: <a@x.org>, <b@x.org>"), {"references": ("<a@x.org>", "<b@x.org>")}
    yield "references with words", mail("References: your mail <a@x.org>"), {"references": ("<a@x.org>",)}
    many = tuple(f"<{number}@x.org>" for number in range(2000))
    yield "thousands of references", mail("References: " + "\r\n ".join(many)), {"references": many}
    yield "an old in-reply-to", mail('In-Reply-To: Message of "Tue" <a@x.org>'), {"in_reply_to": "<a@x.org>"}
