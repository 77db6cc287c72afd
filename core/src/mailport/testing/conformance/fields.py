"""The cases of what a plugin declares: no server is needed for them."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

import pytest

from mailport.account import Account, validate
from mailport.errors import ConfigurationError
from mailport.fields import Direction, ProtocolFields, Settings
from mailport.forms import DIALECT, json_schema

__all__ = ["Declared", "FieldsConformance"]

_SECRET_NAME = re.compile(r"passw|passphrase|secret|private_key|api_key|client_certificate")
_HOST_FIELDS = ("host", "user_name")


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What a plugin declares, and what the cases need beside it.

    ``module`` is the plugin's module; ``libraries`` are the packages that it must not import. ``samples`` are settings that
    work, at least one for each authentication of each direction; ``old`` are settings as earlier releases stored them.
    """

    module: str
    libraries: tuple[str, ...] = ()
    samples: tuple[tuple[str, Direction, Mapping[str, Any]], ...]
    old: tuple[tuple[str, Direction, Mapping[str, Any]], ...] = field(default=())

    @property
    def protocols(self) -> tuple[ProtocolFields, ...]:
        """The protocols, as the registry would get them."""
        return tuple(importlib.import_module(self.module).mailport_fields())

    def models(self) -> Iterator[tuple[ProtocolFields, Direction, type[Settings]]]:
        """Yield every settings model with its protocol and direction."""
        for protocol in self.protocols:
            for direction in protocol.directions:
                for model in protocol.models(direction):
                    yield protocol, direction, model

    def accounts(self) -> Iterator[tuple[ProtocolFields, Direction, Mapping[str, Any], Account]]:
        """Yield every sample with the account it makes."""
        protocols = {protocol.key: protocol for protocol in self.protocols}
        for key, direction, values in self.samples:
            yield protocols[key], direction, values, validate(protocols[key], direction, values)


class FieldsConformance:
    """Subclass it and define a fixture ``declared`` that gives a ``Declared``."""

    def test_declaring_imports_no_library(self, declared: Declared) -> None:
        """The plugin's module and its forms are there without the protocol's library: discovery stays cheap."""
        code = (
            f"import sys, importlib\n"
            f"for fields in getattr(importlib.import_module({declared.module!r}), 'mailport_fields', tuple)():\n"
            f"    from mailport.forms import json_schema\n"
            f"    [json_schema(fields, direction) for direction in fields.directions]\n"
            f"print(*(name for name in {declared.libraries!r} if name in sys.modules))"
        )
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)  # noqa: S603
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == []

    def test_each_option_is_one_model(self, declared: Declared) -> None:
        """A model's ``authentication`` is a Literal with one value, its default, and no two models share it."""
        for protocol in declared.protocols:
            for direction in protocol.directions:
                options = [_option(model) for model in protocol.models(direction)]
                assert len(set(options)) == len(options), f"{protocol.key} {direction}: {options}"

    def test_each_field_has_a_label(self, declared: Declared) -> None:
        """Every field says what it is called, in words of its own."""
        for _, _, model in declared.models():
            for name, info in model.model_fields.items():
                assert info.title, f"{model.__name__}.{name}"
                assert info.title != name, f"{model.__name__}.{name}"

    def test_secrets_are_secret(self, declared: Declared) -> None:
        """What is named like a secret has the type ``Secret``: never shown, never returned."""
        for _, _, model in declared.models():
            named = {name for name in model.model_fields if _SECRET_NAME.search(name)}
            assert named <= model.secret_fields(), f"{model.__name__}: {named - model.secret_fields()}"

    def test_secrets_are_bound(self, declared: Declared) -> None:
        """A model with a secret says which fields bind it: where it goes and whose it is; a secret binds nothing."""
        for _, _, model in declared.models():
            if model.secret_fields():
                binding = model.binding_fields()
                assert binding, model.__name__
                assert not binding & model.secret_fields(), model.__name__
                assert {name for name in _HOST_FIELDS if name in model.model_fields} <= binding, model.__name__

    def test_a_user_name_is_an_address(self, declared: Declared) -> None:
        """User Name, where there is one, must be a mail address (OUT-18)."""
        for protocol, direction, values, account in declared.accounts():
            if "user_name" in type(account.settings).model_fields:
                _is_refused(protocol, direction, {**values, "user_name": "nobody"}, "user_name")

    def test_each_option_has_a_sample(self, declared: Declared) -> None:
        """The samples cover every authentication: otherwise the other cases would pass by themselves."""
        have = {(protocol.key, direction, account.settings.option()) for protocol, direction, _, account in declared.accounts()}
        assert have == {(protocol.key, direction, _option(model)) for protocol, direction, model in declared.models()}

    def test_a_missing_field_is_named(self, declared: Declared) -> None:
        """Without a required field the error names that field."""
        for protocol, direction, values, account in declared.accounts():
            for name, info in type(account.settings).model_fields.items():
                if info.is_required():
                    _is_refused(protocol, direction, {k: v for k, v in values.items() if k != name}, name)

    def test_an_empty_field_is_named(self, declared: Declared) -> None:
        """A required field that a form left empty is an error at that field."""
        for protocol, direction, values, account in declared.accounts():
            for name, info in type(account.settings).model_fields.items():
                if info.is_required():
                    _is_refused(protocol, direction, {**values, name: ""}, name)

    def test_old_settings_still_load(self, declared: Declared) -> None:
        """Settings of earlier releases load, and so do samples without what has a default (VER-01)."""
        protocols = {protocol.key: protocol for protocol in declared.protocols}
        for key, direction, values in declared.old:
            validate(protocols[key], direction, values)
        for protocol, direction, values, account in declared.accounts():
            fields = type(account.settings).model_fields
            # A secret with a default is one of several ways to prove who we are: without any the account is rightly refused.
            kept = {"authentication", *type(account.settings).secret_fields()}
            newer = [name for name, info in fields.items() if not info.is_required() and name not in kept]
            for missing in ([name] for name in newer):
                validate(protocol, direction, {k: v for k, v in values.items() if k not in missing})
            validate(protocol, direction, {k: v for k, v in values.items() if k not in newer})

    def test_a_typo_is_told_with_the_name(self, declared: Declared) -> None:
        """A name that nobody knows is an error at that name, which suggests the right one."""
        for protocol, direction, values, account in declared.accounts():
            for name in type(account.settings).model_fields:
                typo = name + name[-1]
                error = _is_refused(protocol, direction, {**values, typo: "x"}, typo)
                assert f"“{name}”" in error.remedy

    def test_settings_tell_no_secret(self, declared: Declared) -> None:
        """The representation of an account and of its settings, and its errors, hold no secret."""
        for *_, account in declared.accounts():
            shown = f"{account!r}{account.settings!r}{account.settings}{account.settings.model_dump_json()}"
            secrets = list(account.settings.secrets())
            assert not [secret for secret in secrets if secret in shown], type(account.settings).__name__

    def test_a_bad_secret_is_not_repeated(self, declared: Declared) -> None:
        """The error of a secret that cannot be read does not repeat it; it may have been pasted into the wrong field."""
        canary = "kestrel-violet-77"
        for protocol, direction, values, account in declared.accounts():
            for name in type(account.settings).secret_fields():
                try:
                    shown = repr(validate(protocol, direction, {**values, name: f"{canary}\n\0"}))
                except ConfigurationError as error:
                    shown = f"{error!r}{error.as_dict()}{error.__cause__!r}"
                assert canary not in shown, f"{type(account.settings).__name__}.{name}"

    def test_the_schema_is_plain(self, declared: Declared) -> None:
        """The form is JSON Schema that any form library draws: no ``anyOf``, no reference, one constant per option."""
        for protocol in declared.protocols:
            for direction in protocol.directions:
                schema = json_schema(protocol, direction)
                assert schema["$schema"] == DIALECT
                assert not _keys(schema) & {"anyOf", "allOf", "$ref", "$defs"}
                for branch, model in zip(schema["oneOf"], protocol.models(direction), strict=True):
                    assert branch["properties"]["authentication"]["const"] == _option(model)
                    assert "authentication" in branch["required"]
                    _check_properties(branch["properties"], model)

    def test_the_schema_takes_what_validates(self, declared: Declared) -> None:
        """What the settings models take, the schema takes too; needs the package ``jsonschema``."""
        jsonschema = pytest.importorskip("jsonschema")
        for protocol, direction, values, account in declared.accounts():
            validator = jsonschema.Draft202012Validator(json_schema(protocol, direction))
            validator.check_schema(validator.schema)
            given = {"protocol": protocol.key, "authentication": account.settings.option(), **values}
            assert not [error.message for error in validator.iter_errors(given)]


def _option(model: type[Settings]) -> str:
    info = model.model_fields["authentication"]
    values = get_args(info.annotation)
    assert get_origin(info.annotation) is Literal, model.__name__
    assert len(values) == 1, model.__name__
    assert info.default == values[0], model.__name__
    return str(values[0])


def _is_refused(protocol: ProtocolFields, direction: Direction, values: Mapping[str, Any], name: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        validate(protocol, direction, values)
    assert name in [problem.field for problem in caught.value.problems], f"{caught.value} does not name {name}"
    return caught.value


def _keys(schema: object) -> set[str]:
    if isinstance(schema, dict):
        return set(schema).union(*(_keys(value) for value in schema.values()))
    return set().union(*(_keys(value) for value in schema)) if isinstance(schema, list) else set()


def _check_properties(properties: Mapping[str, Any], model: type[Settings]) -> None:
    for name, drawn in properties.items():
        assert drawn.get("title"), name
        assert "const" in drawn or "enum" in drawn or isinstance(drawn.get("type"), str), name
        if name in model.secret_fields():
            assert drawn["writeOnly"] is True, name
            assert drawn["format"] == "password", name
            assert "default" not in drawn, name
    orders = [drawn["x-order"] for drawn in properties.values()]
    assert orders == sorted(set(orders))
