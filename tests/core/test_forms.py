"""Forms as data: the JSON Schema and the flat list say the same."""

import json
from typing import Literal

from jsonschema import Draft202012Validator

from mailport.fields import ComponentType, Direction, ProtocolFields, Secret, setting
from mailport.forms import form_fields, json_schema
from tests.core.test_account import GOOD, PROTOCOL, Server


class Optional(Server):
    authentication: Literal["plain"] = setting("plain", label="Authentication", choices={"plain": "Plain"})
    secret: Secret | None = setting(None, label="Secret")


OPTIONAL = ProtocolFields(key="optional", title="Optional", outgoing=(Optional,))


def by_name(direction=Direction.OUTGOING, component=None):
    return {field["name"]: field for field in form_fields(PROTOCOL, direction, component)}


def test_the_schema_is_json_schema_2020_12():  # OUT-20
    """A validator of the dialect accepts the schema, and the schema accepts an account."""
    schema = json.loads(json.dumps(json_schema(PROTOCOL, Direction.OUTGOING)))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(GOOD | {"authentication": "auth_login"})


def test_the_error_of_a_field_points_at_the_field():
    """A branch is chosen by the constant, so that a wrong port is reported at the port."""
    branch = json_schema(PROTOCOL, Direction.OUTGOING)["oneOf"][0]
    errors = list(Draft202012Validator(branch).iter_errors(GOOD | {"authentication": "auth_login", "port": 70000}))
    assert [list(error.path) for error in errors] == [["port"]]


def test_a_form_library_finds_no_choice_with_null():
    """Optional fields have no anyOf; the constant is required and needs no mapping."""
    text = json.dumps(json_schema(OPTIONAL, Direction.OUTGOING))
    assert "anyOf" not in text
    assert "null" not in text
    assert "mapping" not in text
    assert "$ref" not in text
    assert "authentication" in json_schema(OPTIONAL, Direction.OUTGOING)["oneOf"][0]["required"]


def test_secrets_are_write_only_passwords():  # CFG-07
    """A form hides what is typed and never gets it back, optional or not."""
    for protocol, name in ((PROTOCOL, "password"), (OPTIONAL, "secret")):
        drawn = json_schema(protocol, Direction.OUTGOING)["oneOf"][0]["properties"][name]
        assert (drawn["writeOnly"], drawn["format"]) == (True, "password")
        assert "default" not in drawn


def test_visibility_follows_from_the_models():  # OUT-20
    """A field is shown for the options whose model has it, and always when all have it."""
    fields = by_name()
    assert "visible_when" not in fields["host"]
    assert fields["password"]["visible_when"] == {"authentication": ["auth_login"]}
    assert fields["client_id"]["required_when"] == {"authentication": ["modern"]}


def test_conversation_fields_are_shown_only_when_it_is_attached():  # SND-19
    """Location and prefix depend on the switch."""
    fields = by_name()
    for name in ("conversation_id_location", "conversation_id_prefix"):
        assert fields[name]["visible_when"] == {"attach_conversation_id": [True]}


def test_order_labels_and_suggestions_are_there():
    """A form needs no knowledge of its own."""
    fields = by_name()
    assert [field["order"] for field in fields.values()] == sorted(field["order"] for field in fields.values())
    assert fields["port"]["suggest"] == {"use_ssl_tls": {"SSL": 465}}
    assert fields["embedded_image_type"]["choices"]["cid"] == "Attached Images (CID)"
    assert all(field["label"] for field in fields.values())


def test_a_component_type_narrows_the_options():  # CMP-04
    """Basic shows only the options that fit it."""
    assert by_name(Direction.INCOMING, ComponentType.BASIC)["authentication"]["choices"] == {"auth_login": "AuthLogin"}
    assert "client_id" in by_name(Direction.INCOMING, ComponentType.ADVANCED)
