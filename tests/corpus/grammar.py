"""Messages to be generated: structures with broken pieces, and broken bytes of the corpus, as strategies of hypothesis."""

from hypothesis import strategies as st

from tests.corpus import cases

SEEDS = [case.raw for case in cases() if len(case.raw) < 4000]

ENDS = st.sampled_from([b"\r\n", b"\n", b"\r", b"\r\r\n", b""])
SIGNS = "\"\\()<>@,;:=?*'%-. \t\0\r\n\x1b\x85\u2028\u202e\ufeff"
SPECIALS = st.sampled_from([*SIGNS, "=?", "?=", "=?utf-8?q?", "''", "--", "\r\n "])
WORDS = st.lists(SPECIALS | st.text(max_size=5), max_size=12).map("".join)
OCTETS = WORDS.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=30)
NAMES = st.sampled_from(
    [
        b"From",
        b"To",
        b"Cc",
        b"Reply-To",
        b"Subject",
        b"Date",
        b"Message-ID",
        b"References",
        b"X-A",
        b"Content-ID",
        b"MIME-Version",
    ]
)
TYPES = st.sampled_from(
    ["text/plain", "text/html", "message/rfc822", "multipart/digest", "multipart/signed", "application/pdf", "text", ""]
)
CHARSETS = st.sampled_from(["utf-8", "utf-16", "utf-7", "iso-2022-jp", "hz", "gb2312", "nonsense", "idna", "cp037"])
ENCODINGS = st.sampled_from(["base64", "quoted-printable", "x-uuencode", "8bit", "binary", ""])
DISPOSITIONS = st.sampled_from(["", "Content-Disposition: attachment; filename=", "Content-Disposition: inline; filename*="])


@st.composite
def heads(draw):
    """A header block of usual names with unusual values."""
    end = draw(ENDS)
    fields = draw(st.lists(st.tuples(NAMES | OCTETS, OCTETS), max_size=5))
    return b"".join(name + b": " + value + end for name, value in fields)


@st.composite
def leaf_parts(draw):
    """A part with a text or a file, whose description may not fit."""
    parameters = draw(st.lists(st.tuples(st.sampled_from(["name", "name*", "name*0", "name*1*", "x"]), WORDS), max_size=3))
    more = "".join(f'; {name}="{value}"' for name, value in parameters)
    described = (
        f"Content-Type: {draw(TYPES)}; charset={draw(CHARSETS)}{more}\r\nContent-Transfer-Encoding: {draw(ENCODINGS)}\r\n"
    )
    disposition = draw(
        st.sampled_from(["", "Content-Disposition: attachment; filename=", "Content-Disposition: inline; filename*="])
    )
    name = (disposition + draw(WORDS) + "\r\n") if disposition else ""
    return (described + name).encode("utf-8", "surrogatepass") + draw(heads()) + draw(ENDS) + draw(OCTETS)


@st.composite
def containers(draw, children):
    """A multipart around parts, its boundary perhaps one of theirs, its end perhaps missing."""
    boundary = draw(st.sampled_from([b"a", b"ab", b"=_b", b"-", b"a b"]))
    end = draw(ENDS)
    line = end + b"--" + boundary
    inside = b"".join(line + draw(ENDS) + child for child in draw(st.lists(children, max_size=4)))
    kind = draw(st.sampled_from([b"mixed", b"alternative", b"digest", b"report"]))
    closed = line + draw(st.sampled_from([b"--", b"-", b"", b"-- \t"]))
    return (
        b"Content-Type: multipart/"
        + kind
        + b'; boundary="'
        + boundary
        + b'"'
        + end
        + draw(heads())
        + end
        + inside
        + closed
        + end
    )


MESSAGES = st.builds(lambda head, body: head + body, heads(), st.recursive(leaf_parts(), containers, max_leaves=12))


@st.composite
def damaged(draw):
    """A message of the corpus, cut, doubled, and with octets changed."""
    raw = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        at, to = sorted((draw(st.integers(0, len(raw))), draw(st.integers(0, len(raw)))))
        raw[at:to] = draw(st.sampled_from([b"", bytes(raw[at:to]) * 2, b"\r\n", b"=?", b'"', b"--b0"]) | st.binary(max_size=4))
        del raw[20_000:]
    return bytes(raw)
