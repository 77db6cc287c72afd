"""Strategies for calls, made from the OpenAPI document: every operation takes part, also one that is added tomorrow."""

import json
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from tests.workspace.forms import imap, oauth_inbox, pop3, smtp


@dataclass(frozen=True)
class Call:
    """A call that was drawn, with placeholders for ids and for the caller's marker."""

    side: int
    method: str
    path: str
    places: dict
    query: dict
    headers: dict
    body: object

    def request(self, ids, marker):
        """Return method, path, query, headers and body, with what the placeholders stand for."""
        path = self.path
        for name, value in _filled(self.places, ids, marker).items():
            path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
        query = {name: value for name, value in _filled(self.query, ids, marker).items() if value is not None}
        body = None if self.body is None else json.dumps(_filled(self.body, ids, marker)).encode()
        return self.method, path, urlencode(query, errors="replace"), self.headers, body


@dataclass(frozen=True)
class Id:
    """An id: the ``number``-th of those that there are."""

    number: int


class Marker:
    """A text that shows whose it is."""


def _filled(value, ids, marker):
    if isinstance(value, Id):
        return ids[value.number % len(ids)]
    if value is Marker:
        return marker
    if isinstance(value, dict):
        return {name: _filled(part, ids, marker) for name, part in value.items()}
    return [_filled(part, ids, marker) for part in value] if isinstance(value, list) else value


IDS = st.one_of(st.integers(0, 3), st.integers(0, 200)).map(Id)
TEXTS = st.one_of(
    st.just(Marker), st.just(Marker), st.text(max_size=8), st.sampled_from(["", "\0", "'; --", "../..", "x" * 500])
)
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
SETTINGS = st.one_of(FORMS, PATCHES)


def calls(document, *, without=()):
    """Return the strategy of a call of any operation of the document."""
    drawn = [
        _call(document, path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["operationId"] not in without
    ]
    return st.one_of(drawn)


def _call(document, path, method, operation):
    parameters = operation.get("parameters", [])

    def drawn(place):
        return {
            parameter["name"]: _values(parameter["schema"], document)
            for parameter in parameters
            if parameter["in"] == place and parameter["name"].lower() != "if-match"
        }

    content = operation.get("requestBody", {}).get("content", {})
    body = _values(content["application/json"]["schema"], document) if "application/json" in content else st.none()
    return st.builds(
        Call,
        side=st.integers(0, 1),
        method=st.just(method.upper()),
        path=st.just(path),
        places=st.fixed_dictionaries(drawn("path")),
        query=st.fixed_dictionaries({}, optional=drawn("query")),
        headers=st.sampled_from([{"if-match": "*"}, {"if-match": "*"}, {"if-match": '"1"'}, {}]),
        body=body,
    )


def _values(schema, document):
    """Return a strategy of values that mostly fit a schema."""
    if "$ref" in schema:
        return _values(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return st.one_of([_values(choice, document) for choice in schema[word]])
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    if "32" in schema.get("pattern", ""):
        return st.one_of(IDS, st.sampled_from(["outgoing", "new", "x"]))
    return _OF_KIND.get(schema.get("type"), _anything)(schema, document)


def _object(schema, document):
    if "properties" not in schema:
        return SETTINGS
    values = {name: _values(part, document) for name, part in schema["properties"].items()}
    required = set(schema.get("required", ()))
    return st.fixed_dictionaries(
        {name: value for name, value in values.items() if name in required},
        optional={name: value for name, value in values.items() if name not in required},
    )


def _array(schema, document):
    return st.lists(_values(schema.get("items", {}), document), min_size=schema.get("minItems", 0), max_size=3)


def _integer(schema, _document):
    low, high = schema.get("minimum", -(10**6)), schema.get("maximum", 10**20)
    return st.one_of(st.integers(low, min(high, low + 100)), st.sampled_from([low - 1, high + 1, 10**30]))


def _string(schema, _document):
    if schema.get("format") == "date-time":
        return st.sampled_from(["2030-01-01T00:00:00Z", "2001-01-01T00:00:00+02:00", "soon", "9999-12-31T23:59:59Z"])
    return st.one_of(TEXTS, IDS)


def _anything(_schema, _document):
    return st.one_of(TEXTS, IDS, st.booleans(), st.none(), st.integers())


_OF_KIND = {
    "object": _object,
    "array": _array,
    "integer": _integer,
    "string": _string,
    "boolean": lambda *_: st.booleans(),
    "null": lambda *_: st.none(),
}
