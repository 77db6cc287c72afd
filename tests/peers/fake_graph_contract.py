"""The judge: holds every request and every answer to the vendor's OpenAPI document."""

import json
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

_HOME = Path(__file__).parents[3] / "shared" / "contracts"
_DOCUMENT = "urn:graph"
# What OData gives every collection; the document names them where the metadata does.
_SYSTEM_OPTIONS = frozenset({"$select", "$filter", "$top", "$skip", "$orderby", "$expand", "$count", "$search"})
_DELTA_OPTIONS = frozenset({"$deltatoken", "$skiptoken"})


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """The contract; where it is absent the test is skipped by name, or fails if contracts are required."""
    path = Path(os.environ.get("MAILPORT_CONTRACTS", _HOME)) / "graph" / "mail.openapi.json"
    if not path.exists():
        if os.environ.get("MAILPORT_REQUIRE_CONTRACTS") == "1":
            raise FileNotFoundError(f"MAILPORT_REQUIRE_CONTRACTS is set and there is no {path}")
        pytest.skip(f"the contract of Microsoft Graph, {path.name}, is not here")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@lru_cache(maxsize=1)
def _registry() -> Registry[Any]:
    made: Registry[Any] = Registry().with_resource(_DOCUMENT, DRAFT202012.create_resource(document()))
    return made


@lru_cache(maxsize=256)
def _validator(pointer: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"{_DOCUMENT}#{pointer}"}, registry=_registry())


@lru_cache(maxsize=1)
def _templates() -> list[tuple[re.Pattern[str], str]]:
    found = []
    for template in document()["paths"]:
        pattern = re.sub(r"\\\{[^/]+?\\\}", "[^/]+", re.escape(template))
        found.append((re.compile(pattern), template))
    return sorted(found, key=lambda pair: pair[1].count("{"))  # `delta` before an id


def operation(method: str, path: str) -> tuple[str, dict[str, Any]] | None:
    """The pointer and the description of an operation, or None where the contract has none."""
    for pattern, template in _templates():
        if pattern.fullmatch(path) and method.lower() in document()["paths"][template]:
            escaped = template.replace("~", "~0").replace("/", "~1")
            return f"/paths/{escaped}/{method.lower()}", document()["paths"][template][method.lower()]
    return None


def judge_request(method: str, target: str, headers: Mapping[str, str], body: bytes) -> list[str]:
    """What is wrong with a request."""
    parts = urlsplit(target)
    found = operation(method, parts.path)
    if found is None:
        return [f"{method} {parts.path}: no such operation"]
    pointer, described = found
    return [*_judge_query(described, parts.path, parts.query), *_judge_body(pointer, described, headers, body)]


def _judge_query(described: Mapping[str, Any], path: str, query: str) -> list[str]:
    named = {one["name"]: one for one in map(_resolved, described.get("parameters", [])) if one["in"] == "query"}
    wrong = []
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in named and name not in (_DELTA_OPTIONS | _SYSTEM_OPTIONS if path.endswith("/delta") else ()):
            wrong.append(f"{path}: no query option {name}")
        items = named.get(name, {}).get("schema", {}).get("items", {}).get("enum")
        wrong += [f"{path}: {name} knows no {one}" for one in value.split(",") if items and one not in items]
    return wrong


def _resolved(parameter: dict[str, Any]) -> dict[str, Any]:
    reference = parameter.get("$ref")
    found: dict[str, Any] = document()["components"]["parameters"][reference.rpartition("/")[2]] if reference else parameter
    return found


def _judge_body(pointer: str, described: Mapping[str, Any], headers: Mapping[str, str], body: bytes) -> list[str]:
    media = headers.get("content-type", "").partition(";")[0]
    contents = described.get("requestBody", {}).get("content", {})
    if not body:
        return [f"{pointer}: the body is missing"] if described.get("requestBody", {}).get("required") else []
    if not contents:
        return [f"{pointer}: takes no body"]
    if media == "application/json" and media not in contents:  # a draft as JSON, where the document speaks of MIME only
        return _errors("/components/schemas/microsoft.graph.message-create", body)
    if media not in contents and "*/*" not in contents:
        return [f"{pointer}: takes no {media}"]
    return _errors(f"{pointer}/requestBody/content/application~1json/schema", body) if media == "application/json" else []


def judge_answer(method: str, path: str, status: int, body: bytes) -> list[str]:
    """What is wrong with an answer."""
    found = operation(method, path)
    if found is None:
        return []
    pointer, described = found
    if status >= 400:
        return _errors("/components/schemas/error", body)
    key = next((name for name in (str(status), f"{status // 100}XX") if name in described["responses"]), None)
    if key is None:
        return [f"{pointer}: no answer {status}"]
    if "application/json" not in described["responses"][key].get("content", {}):
        return []
    return _errors(f"{pointer}/responses/{key}/content/application~1json/schema", body)


def judge(schema: str, value: object) -> list[str]:
    """What is wrong with a value of a named schema."""
    return [error.message for error in _validator(f"/components/schemas/{schema}").iter_errors(value)]


def _errors(pointer: str, body: bytes) -> list[str]:
    try:
        value = json.loads(body)
    except ValueError:
        return [f"{unquote(pointer)}: no JSON: {body[:80]!r}"]
    return [f"{pointer}: {error.json_path}: {error.message[:300]}" for error in _validator(pointer).iter_errors(value)]
