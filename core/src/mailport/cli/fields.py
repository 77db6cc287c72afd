"""``mailport fields``: what an account of one protocol is made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from mailport.cli.options import direction_option, json_option, pass_output
from mailport.cli.output import Output
from mailport.errors import ConfigurationError
from mailport.fields import ComponentType, Direction, ProtocolFields
from mailport.registry import Registry

__all__ = ["fields"]


@click.command()
@click.argument("protocol")
@direction_option
@click.option("--component", type=click.Choice(["basic", "advanced"]), help="Only what fits this component type of inboxes.")
@click.option("--schema", is_flag=True, help="Print a JSON Schema (2020-12) that form libraries draw.")
@json_option
@pass_output
def fields(output: Output, /, *, protocol: str, direction: str | None, component: str | None, schema: bool) -> None:
    """List the fields that an account of PROTOCOL has."""
    from mailport import forms  # noqa: PLC0415 - showing help draws no form

    declared = Registry().protocol(protocol)
    way = Direction(direction) if direction else declared.directions[0]
    fitting = ComponentType(component) if component else None
    _check(declared, way, fitting)
    output.json |= schema
    if schema:
        output.data(forms.json_schema(declared, way, fitting))
        return
    drawn = forms.form_fields(declared, way, fitting)
    output.data({"protocol": declared.key, "direction": way, "fields": drawn})
    _show(output, drawn, declared.options(way, fitting))


def _check(declared: ProtocolFields, way: Direction, fitting: ComponentType | None) -> None:
    """Refuse a form that would have no authentication to choose."""
    if way not in declared.directions:
        raise ConfigurationError(
            f"{declared.title} has no {way} direction.",
            code="settings.direction",
            field="protocol",
            remedy=f"Choose a protocol with {way} mail.",
        )
    if not declared.options(way, fitting):
        raise ConfigurationError(
            f"{declared.title} has no authentication for component type {str(fitting).title()}.",
            code="settings.component_type",
            field="authentication",
            remedy="Choose another component type.",
        )


def _show(output: Output, drawn: list[dict[str, Any]], options: tuple[str, ...]) -> None:
    with output.table("FIELD", "LABEL", "VALUE", "DEFAULT", "REQUIRED", "ONLY WITH") as table:
        for field in drawn:
            shown = field.get("visible_when", {})
            required = field.get("required_when", {})
            is_always = required in ({"authentication": list(options)}, shown) and required
            value = "|".join(field["choices"]) if "choices" in field else field["kind"]
            default = json.dumps(field["default"], ensure_ascii=False) if field.get("default") not in (None, "") else ""
            needed = "yes" if is_always else _condition(required)
            table.add(field["name"], field["label"], value, default, needed, _condition(shown))


def _condition(when: Mapping[str, list[Any]]) -> str:
    return "; ".join(f"{name} = {' or '.join(str(value).lower() for value in values)}" for name, values in when.items())
