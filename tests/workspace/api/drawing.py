"""Strategies for calls, made from the OpenAPI document: every operation takes part, also one that is added tomorrow.

Most of what is drawn suits the operation, for a call that is refused at the door comes near no wall; the rest does not.
"""

import base64
import json
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from tests.workspace.forms import imap, oauth_inbox, pop3, smtp

LONGEST = 5
BOUNDARY = "mailport-part"


@dataclass(frozen=True)
class Call:
    """A call that was drawn, with placeholders for ids and for the caller's marker; ``body`` is media type and content."""

    side: int
    operation: str
    method: str
    path: str
    places: dict
    query: dict
    headers: dict
    body: object

    def request(self, pick, marker):
        """Return method, path, query, headers and body, with what the placeholders stand for; ``pick`` finds ids."""
        path = self.path
        for name, value in _filled(self.places, pick, marker).items():
            path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
        query = {name: value for name, value in _filled(self.query, pick, marker).items() if value is not None}
        kind, content = self.body or (None, None)
        headers = self.headers if kind is None else self.headers | {"content-type": kind}
        body = content if content is None or isinstance(content, bytes) else _encoded(kind, _filled(content, pick, marker))
        return self.method, path, urlencode(query, doseq=True, errors="replace"), headers, body


@dataclass(frozen=True)
class Id:
    """An id: the ``number``-th that fits where ``kind`` is asked for, of the caller's own or of the other tenant's."""

    kind: str
    is_foreign: bool
    number: int


class Marker:
    """A text that shows whose it is."""


def _filled(value, pick, marker):
    if isinstance(value, Id):
        return pick(value)
    if value is Marker:
        return marker
    if isinstance(value, dict):
        return {name: _filled(part, pick, marker) for name, part in value.items()}
    return [_filled(part, pick, marker) for part in value] if isinstance(value, list) else value


def _encoded(kind, content):
    if kind == "message/rfc822":
        return "".join(content).encode(errors="replace")
    return _form(content) if kind.startswith("multipart/") else json.dumps(content).encode()


def _form(content):
    parts = [('name="mail"', json.dumps(content.get("mail", {})))]
    parts += [(f'name="files"; filename="{number}.txt"', str(file)) for number, file in enumerate(content.get("files", ()))]
    text = "".join(f"--{BOUNDARY}\r\nContent-Disposition: form-data; {what}\r\n\r\n{part}\r\n" for what, part in parts)
    return f"{text}--{BOUNDARY}--\r\n".encode(errors="replace")


def _mostly(good, bad, times=3):
    """Draw the good ``times`` as often as the bad; ``one_of`` would take what it is given twice as given once."""
    return st.sampled_from([good] * times + [bad]).flatmap(lambda chosen: chosen)


def _ids(kind):
    return st.builds(Id, st.just(kind), st.sampled_from([False, False, True]), st.integers(0, 200))


TEXTS = st.one_of(st.just(Marker), st.text(max_size=8), st.sampled_from(["", "\0", "'; --", "../..", "x" * 500]))
STYLESHEET = """<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:template match="/"><record><subject>x</subject></record></xsl:template></xsl:stylesheet>"""
SUITABLE = {
    "content": st.sampled_from([base64.b64encode(b"text").decode(), ""]),
    "name": st.one_of(st.just(Marker), st.sampled_from(["X-Test", "desk", "accepted"])),
    "new": st.just("a long enough password"),
    "order": st.lists(_ids("rule"), max_size=2),
    "password": st.just("a long enough password"),
    "id": _ids("record"),
    "state": st.sampled_from(["new", "closed", ""]),
    "stylesheet": st.just(STYLESHEET),
    "type": st.sampled_from(["incident", "problem"]),
}
"""By name of the field, where the document alone does not tell what is accepted."""

MAILS = st.tuples(
    st.just("From: desk@example.test\r\nTo: "),
    st.sampled_from(["a@example.test", "Ann <ann@example.test>, b@example.test", ""]),
    st.just("\r\nSubject: "),
    TEXTS,
    st.just("\r\nIn-Reply-To: <"),
    _ids(""),
    st.just("@example.test>\r\n\r\n"),
    TEXTS,
).map(list)
_FORM = f"multipart/form-data; boundary={BOUNDARY}"
RAW = st.tuples(
    st.sampled_from(["application/json", "multipart/form-data", _FORM, "message/rfc822", "text/plain", "x"]),
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from(
            [b"{", b"[" * 2000, b'{"name": NaN}', b'{"name": 1e999}', b'{"name": "\\ud800"}', b'{"name": 1, "name": 2}']
        ),
        st.sampled_from(
            [b"\xff\xfe", f"--{BOUNDARY}--\r\n".encode(), f"--{BOUNDARY}\r\nContent-Disposition: x\r\n\r\n".encode()]
        ),
    ),
)
"""Bodies as no client of ours sends them."""

FIELDS = {
    "name": TEXTS,
    "host": st.sampled_from(["a.example.test", Marker, ""]),
    "enabled": st.booleans(),
    "custom": st.dictionaries(st.text(max_size=8), TEXTS, max_size=2),
    "processor": st.sampled_from(["incident", "problem", "other", "x"]),
    "email_component_type": st.sampled_from(["basic", "advanced"]),
    "port": st.integers(-1, 70000),
    "password": st.sampled_from(["••••••", None, "new"]),
    "address": TEXTS,
    "stranger": TEXTS,
}
FORMS = st.builds(
    lambda make, more: make(**more),
    st.sampled_from([smtp, imap, pop3, oauth_inbox]),
    st.fixed_dictionaries({}, optional=FIELDS),
)
PATCHES = st.fixed_dictionaries(
    {},
    optional={
        "name": TEXTS,
        "enabled": st.booleans(),
        "block_outgoing_email": st.booleans(),
        "link_person": st.booleans(),
        "host": TEXTS,
    },
)
SETTINGS = st.one_of(st.sampled_from([smtp, imap, pop3, oauth_inbox]).map(lambda make: make()), FORMS, PATCHES)


def sequences(document):
    """Return the strategy of sequences of calls in which both tenants act."""
    drawn = calls(document)
    return _mostly(st.lists(drawn, min_size=2, max_size=3), st.lists(drawn, min_size=2, max_size=LONGEST)).map(_let_both_act)


def _let_both_act(drawn):
    if len({call.side for call in drawn}) == 2:
        return drawn
    return [*drawn[:-1], replace(drawn[-1], side=1 - drawn[-1].side)]


def calls(document):
    """Return the strategy of a call of any operation of the document."""
    drawn = [
        _call(document, path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return st.one_of(drawn)


def _call(document, path, method, operation):
    parameters = operation.get("parameters", [])

    def drawn(place):
        return {
            parameter["name"]: _values(parameter["schema"], document, parameter["name"])
            for parameter in parameters
            if parameter["in"] == place and parameter["name"].lower() != "if-match"
        }

    return st.builds(
        Call,
        side=st.integers(0, 1),
        operation=st.just(operation["operationId"]),
        method=st.just(method.upper()),
        path=st.just(path),
        places=st.fixed_dictionaries(drawn("path")),
        query=st.fixed_dictionaries({}, optional=drawn("query")),
        headers=st.sampled_from([{"if-match": "*"}, {"if-match": "*"}, {"if-match": '"1"'}, {}]),
        body=_mostly(_body(operation, document), RAW, times=9),
    )


def _body(operation, document):
    content = operation.get("requestBody", {}).get("content", {})
    if not content:
        return st.none()
    kind, described = next(iter(content.items()))
    if kind == "message/rfc822":
        return st.tuples(st.just(kind), MAILS)
    return st.tuples(st.just(_FORM if kind == "multipart/form-data" else kind), _values(described["schema"], document))


def _values(schema, document, name=""):
    """Return a strategy of values that mostly fit a schema."""
    if "$ref" in schema:
        return _values(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document, name)
    if "contentSchema" in schema:
        return _values(schema["contentSchema"], document, name)
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return st.one_of([_values(choice, document, name) for choice in schema[word]])
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    if "32" in schema.get("pattern", ""):
        return _mostly(_ids(name), st.sampled_from(["outgoing", "new", "x"]), times=2 if "outgoing" in schema["pattern"] else 9)
    drawn = _OF_KIND.get(schema.get("type"), _anything)(schema, document)
    if name in SUITABLE:
        return _mostly(SUITABLE[name], drawn)
    return _mostly(st.sampled_from(schema["examples"]), drawn) if "examples" in schema else drawn


def _object(schema, document):
    if "properties" not in schema:
        return SETTINGS
    values = {name: _values(part, document, name) for name, part in schema["properties"].items()}
    required = set(schema.get("required", ()))
    return st.fixed_dictionaries(
        {name: value for name, value in values.items() if name in required},
        optional={name: value for name, value in values.items() if name not in required},
    )


def _array(schema, document):
    return st.lists(_values(schema.get("items", {}), document), min_size=schema.get("minItems", 0), max_size=3)


def _integer(schema, _document):
    low, high = schema.get("minimum", -(10**6)), schema.get("maximum", 10**20)
    return _mostly(st.integers(low, min(high, low + 100)), st.sampled_from([low - 1, high + 1, 10**30]))


def _string(schema, _document):
    if schema.get("format") == "date-time":
        return st.sampled_from(["2030-01-01T00:00:00Z", "2001-01-01T00:00:00+02:00", "soon", "9999-12-31T23:59:59Z"])
    return _mostly(TEXTS, _ids(""))


def _anything(_schema, _document):
    return st.one_of(TEXTS, _ids(""), st.booleans(), st.none(), st.integers())


_OF_KIND = {
    "object": _object,
    "array": _array,
    "integer": _integer,
    "string": _string,
    "boolean": lambda *_: st.booleans(),
    "null": lambda *_: st.none(),
}
