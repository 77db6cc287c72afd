"""Forms as data: a JSON Schema that form libraries draw unchanged, and a flat list for hosts that draw their own.

The schema is JSON Schema 2020-12: the rules are plain properties, the authentication options a ``oneOf`` whose branches are
told apart by the constant ``authentication``. There is no ``anyOf`` with null; secrets are ``writeOnly`` with ``format:
password``. The ``x-`` keys:

    x-order           position in the form, from 0
    x-group           "advanced" for what a form folds away, or the plugin's own word
    x-placeholder     example text
    x-choices         {value: label}
    x-suggest         {other field: {its value: value to suggest}}; offer it, never set it
    x-binds-secret    a change of this field unbinds stored secrets
    x-operator-only   tenants may not set it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from mailport.errors import ConfigurationError
from mailport.fields import ComponentType, Direction, ProtocolFields, Settings
from mailport.rules import IncomingRules, OutgoingRules

__all__ = ["form_fields", "json_schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# Shown only while another field has this value (SND-19).
_RULE_VISIBILITY: dict[str, dict[str, list[Any]]] = {
    "conversation_id_location": {"attach_conversation_id": [True]},
    "conversation_id_prefix": {"attach_conversation_id": [True]},
    "conversation_id_style": {"attach_conversation_id": [True]},
}


class _FormSchema(GenerateJsonSchema):
    """Pydantic's generator without ``anyOf`` for optional fields: form libraries would show "option 1 / option 2"."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        drawn = super().default_schema(schema)
        if drawn.get("default", ...) is None:
            del drawn["default"]
        return drawn


def json_schema(protocol: ProtocolFields, direction: Direction, component: ComponentType | None = None) -> dict[str, Any]:
    """Return the schema of an account of ``protocol``; with ``component``, of the options that fit it.

    Raises ``ConfigurationError`` where the protocol has no such direction or option.
    """
    models = _models(protocol, direction, component)
    if not models:
        wanted = f"{component} {direction}" if component else str(direction)
        raise ConfigurationError(
            f"{protocol.title} has no {wanted} mail.",
            code="settings.direction",
            field="protocol",
            remedy="Choose another protocol, direction or component type.",
        )
    rules = _properties(_rules(direction), start=1000)
    return {
        "$schema": DIALECT,
        "title": protocol.title,
        "type": "object",
        "properties": {"protocol": {"const": protocol.key, "default": protocol.key, "title": "Mail Protocol"}} | rules[0],
        "required": ["protocol"],
        "oneOf": [_branch(model) for model in models],
    }


def _branch(model: type[Settings]) -> dict[str, Any]:
    properties, required = _properties(model)
    return {
        "title": properties["authentication"]["x-choices"][model.option()],
        "type": "object",
        "properties": properties,
        "required": list(dict.fromkeys(["authentication", *required])),
    }


def _properties(model: type[BaseModel], start: int = 0) -> tuple[dict[str, Any], list[str]]:
    schema = model.model_json_schema(schema_generator=_FormSchema)
    definitions = schema.get("$defs", {})
    properties = {
        name: _inlined(drawn, definitions) | {"x-order": start + position}
        for position, (name, drawn) in enumerate(schema["properties"].items())
    }
    return properties, schema.get("required", [])


def _inlined(drawn: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return a property without references: every enumeration is short, and a form library need not resolve it."""
    reference = drawn.get("$ref")
    if reference is None:
        return dict(drawn)
    target = {key: value for key, value in definitions[reference.rpartition("/")[2]].items() if key in ("enum", "type")}
    return target | {key: value for key, value in drawn.items() if key != "$ref"}


def _rules(direction: Direction) -> type[BaseModel]:
    return OutgoingRules if direction is Direction.OUTGOING else IncomingRules


def _models(protocol: ProtocolFields, direction: Direction, component: ComponentType | None) -> Sequence[type[Settings]]:
    fits = protocol.options(direction, component)
    return [model for model in protocol.models(direction) if model.option() in fits]


def form_fields(protocol: ProtocolFields, direction: Direction, component: ComponentType | None = None) -> list[dict[str, Any]]:
    """Return the fields of the form in order, each with ``name``, ``label``, ``kind`` and what else a form needs.

    ``visible_when`` and ``required_when`` map another field to the values for which it holds; a field without
    ``visible_when`` is always shown. ``kind`` is text, integer, boolean, choice or secret.
    """
    schema = json_schema(protocol, direction, component)
    branches = {branch["properties"]["authentication"]["const"]: branch for branch in schema["oneOf"]}
    names = dict.fromkeys(name for branch in branches.values() for name in branch["properties"])
    own = [_protocol_field(name, branches) for name in names]
    rules = {name: drawn for name, drawn in schema["properties"].items() if name != "protocol"}
    shared = [_field(name, drawn, visible_when=_RULE_VISIBILITY.get(name)) for name, drawn in rules.items()]
    return [*own, *shared]


def _protocol_field(name: str, branches: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    having = [option for option, branch in branches.items() if name in branch["properties"]]
    requiring = [option for option, branch in branches.items() if name in branch["required"]]
    drawn = branches[having[0]]["properties"][name]
    if name == "authentication":
        labels = {option: branch["title"] for option, branch in branches.items()}
        drawn = drawn | {"x-choices": labels, "enum": list(branches)}
        return _field(name, drawn, required_when={})
    everywhere = len(having) == len(branches)
    return _field(
        name,
        drawn,
        visible_when=None if everywhere else {"authentication": having},
        required_when={"authentication": requiring} if requiring else None,
    )


def _field(
    name: str,
    drawn: Mapping[str, Any],
    *,
    visible_when: Mapping[str, Any] | None = None,
    required_when: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    hints = {key.removeprefix("x-").replace("-", "_"): value for key, value in drawn.items() if key.startswith("x-")}
    facts = {
        "name": name,
        "label": drawn.get("title", name),
        "kind": _kind(drawn),
        "help": drawn.get("description"),
        "default": drawn.get("default"),
        "minimum": drawn.get("minimum"),
        "maximum": drawn.get("maximum"),
        "visible_when": visible_when,
        "required_when": required_when,
    }
    return {key: value for key, value in (facts | hints).items() if value is not None}


def _kind(drawn: Mapping[str, Any]) -> str:
    if drawn.get("format") == "password":
        return "secret"
    if "enum" in drawn:
        return "choice"
    kind = drawn.get("type")
    return kind if kind in ("integer", "boolean") else "text"
