"""Google's own description of the Gmail API as a judge: the discovery document, converted to JSON Schema 2020-12."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

_FORMATS = {
    "int64": r"^-?\d+$",
    "uint64": r"^\d+$",
    "byte": r"^[A-Za-z0-9_-]*={0,2}$",
}
_BARE = ("type", "enum", "items", "properties", "$ref", "pattern", "additionalProperties")


class ContractViolation(AssertionError):
    """A request or an answer that Google's description does not allow."""


@dataclass(frozen=True)
class Operation:
    """A method of the API, with the values that a path gave it; `is_upload` says that the path is that of a media upload."""

    method: dict[str, Any]
    path: dict[str, str]
    is_upload: bool

    @property
    def name(self) -> str:
        """Its id, such as `gmail.users.messages.send`."""
        return str(self.method["id"])


class GmailContract:
    """Finds operations by path, and judges requests and answers."""

    def __init__(self) -> None:
        document = files("googleapiclient.discovery_cache") / "documents" / "gmail.v1.json"
        self._description = json.loads(document.read_text("utf-8"))
        self._schemas = {name: _converted(schema) for name, schema in self._description["schemas"].items()}
        self._validators: dict[str, Draft202012Validator] = {}

    def operation(self, verb: str, path: str) -> Operation:
        """The operation that `verb` and `path` ask for."""
        for pattern, method, is_upload in self._routes:
            found = pattern.fullmatch(path)
            if found and method["httpMethod"] == verb:
                return Operation(method, found.groupdict(), is_upload)
        raise ContractViolation(f"the API has no {verb} {path}")

    def check_request(self, operation: Operation, query: dict[str, list[str]], content_type: str, body: bytes) -> None:
        """Judge query parameters and body."""
        known = self._description["parameters"] | operation.method["parameters"]
        for name, values in query.items():
            if name not in known:
                raise ContractViolation(f"{operation.name} has no parameter {name}")
            _check_parameter(operation.name, name, known[name], values)
        if operation.is_upload:
            _check_upload(operation, query, content_type, body)
        elif "request" in operation.method:
            self._check(operation.method["request"]["$ref"], json.loads(body), f"request of {operation.name}")
        elif body:
            raise ContractViolation(f"{operation.name} takes no body")

    def check_answer(self, operation: Operation, body: bytes) -> None:
        """Judge the body of a success."""
        if "response" in operation.method:
            self._check(operation.method["response"]["$ref"], json.loads(body), f"answer to {operation.name}")
        elif body:
            raise ContractViolation(f"{operation.name} answers nothing")

    def _check(self, schema: str, value: Any, what: str) -> None:
        validator = self._validators.get(schema)
        if validator is None:
            validator = Draft202012Validator({"$ref": f"#/$defs/{schema}", "$defs": self._schemas})
            self._validators[schema] = validator
        for error in validator.iter_errors(value):
            raise ContractViolation(f"{what}: {error.json_path}: {error.message[:300]}")

    @cached_property
    def _routes(self) -> list[tuple[re.Pattern[str], dict[str, Any], bool]]:
        routes = []
        for method in _methods(self._description):
            routes.append((_pattern("/" + method.get("flatPath", method["path"])), method, False))
            if "mediaUpload" in method:
                routes.append((_pattern(method["mediaUpload"]["protocols"]["simple"]["path"]), method, True))
        return routes


def _methods(resource: dict[str, Any]) -> Any:
    yield from resource.get("methods", {}).values()
    for inner in resource.get("resources", {}).values():
        yield from _methods(inner)


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template))


def _converted(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema of the discovery document in the words of JSON Schema; unknown properties are forbidden."""
    made = {key: value for key, value in schema.items() if key in _BARE}
    if "$ref" in made:
        made["$ref"] = f"#/$defs/{made['$ref']}"
    if made.get("type") == "any":
        del made["type"]
    if schema.get("format") in _FORMATS:
        made["pattern"] = _FORMATS[schema["format"]]
    if "properties" in made:
        made["properties"] = {name: _converted(value) for name, value in made["properties"].items()}
        made["additionalProperties"] = False
    for name in ("items", "additionalProperties"):
        if isinstance(made.get(name), dict):
            made[name] = _converted(made[name])
    return made


def _check_parameter(operation: str, name: str, described: dict[str, Any], values: list[str]) -> None:
    if len(values) > 1 and not described.get("repeated"):
        raise ContractViolation(f"{operation}: {name} was given {len(values)} times")
    for value in values:
        right = {
            "integer": value.lstrip("-").isdigit(),
            "boolean": value in ("true", "false"),
        }.get(described["type"], True)
        if not right or ("enum" in described and value not in described["enum"] and name not in ("alt", "$.xgafv")):
            raise ContractViolation(f"{operation}: {name}={value}")


def _check_upload(operation: Operation, query: dict[str, list[str]], content_type: str, body: bytes) -> None:
    upload = operation.method["mediaUpload"]
    if query.get("uploadType") != ["media"]:
        raise ContractViolation(f"{operation.name}: uploadType {query.get('uploadType')}")
    if not any(content_type.startswith(accepted.rstrip("*")) for accepted in upload["accept"]):
        raise ContractViolation(f"{operation.name}: {content_type} is not accepted")
    if len(body) > int(upload["maxSize"]):
        raise ContractViolation(f"{operation.name}: {len(body)} bytes")
