"""Declarations with one small mistake each, and the case of the kit that must notice it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, field_validator, model_validator

from mailport.errors import ConfigurationError
from mailport.fields import Direction, MailAddress, ProtocolFields, Secret, Settings, setting
from mailport.testing.conformance import Declared

SAMPLE = {"user_name": "ann@example.test", "password": "kestrel-amber-42"}


class Right(Settings):
    """A model without a mistake."""

    authentication: Literal["plain"] = setting("plain", label="Authentication", choices={"plain": "Plain"})
    user_name: MailAddress = setting(label="User Name", binds=True)
    password: Secret = setting(label="Password", min_length=1)
    port: int = setting(25, label="Port", binds=True)


class SameOption(Right):
    """A second model for the same authentication."""


class NoLabel(Right):
    user_name: MailAddress


class BarePassword(Right):
    password: str = setting(label="Password")  # type: ignore[assignment]  # that is the mistake


class NothingBinds(Right):
    user_name: MailAddress = setting(label="User Name")
    port: int = setting(25, label="Port")


class AnyUserName(Right):
    user_name: str = setting(label="User Name", binds=True)


class BlamesNoField(Right):
    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        if not {"user_name", "password"} <= set(values):
            raise ValueError("something is missing")
        return values


class TakesNothing(Right):
    password: Secret = setting(label="Password")


class RepeatsTheSecret(Right):
    @field_validator("password")
    @classmethod
    def _one_line(cls, value: Secret) -> Secret:
        if "\n" in value.get_secret_value():
            raise ValueError(f"{value.get_secret_value()} has a line break")
        return value


class NearlyTheSameName(Right):
    portt: int = setting(0, label="Port of something else", binds=True)


class TellsItsPassword(Right):
    def __str__(self) -> str:
        return self.password.get_secret_value()


class TwoTypes(Right):
    port: int | str = setting(25, label="Port", binds=True)  # type: ignore[assignment]  # that is the mistake


class NumbersAsText(Right):
    port: Annotated[int, BeforeValidator(int)] = setting(25, label="Port", binds=True)


@dataclass(frozen=True, kw_only=True)
class Mistake(Declared):
    """A declaration of given models; `fails_with` is how the case ends."""

    module: str = "mailport.fields"
    samples: tuple[tuple[str, Direction, Mapping[str, Any]], ...] = (("broken", Direction.OUTGOING, SAMPLE),)
    declared: tuple[type[Settings], ...] = (Right,)
    fails_with: type[BaseException] = AssertionError

    @property
    def protocols(self) -> tuple[ProtocolFields, ...]:
        return (ProtocolFields(key="broken", title="Broken", outgoing=self.declared),)


def _sample(**more: Any) -> tuple[tuple[str, Direction, Mapping[str, Any]], ...]:
    return (("broken", Direction.OUTGOING, {**SAMPLE, **more}),)


BREAKAGES = {
    "test_declaring_imports_no_library": Mistake(module="imaplib", libraries=("imaplib",)),
    "test_each_option_is_one_model": Mistake(declared=(Right, SameOption)),
    "test_each_field_has_a_label": Mistake(declared=(NoLabel,)),
    "test_secrets_are_secret": Mistake(declared=(BarePassword,)),
    "test_secrets_are_bound": Mistake(declared=(NothingBinds,)),
    "test_a_user_name_is_an_address": Mistake(declared=(AnyUserName,)),
    "test_each_option_has_a_sample": Mistake(samples=()),
    "test_a_missing_field_is_named": Mistake(declared=(BlamesNoField,)),
    "test_an_empty_field_is_named": Mistake(declared=(TakesNothing,)),
    "test_a_bad_secret_is_not_repeated": Mistake(declared=(RepeatsTheSecret,)),
    "test_old_settings_still_load": Mistake(old=_sample(login="ann"), fails_with=ConfigurationError),
    "test_a_typo_is_told_with_the_name": Mistake(declared=(NearlyTheSameName,)),
    "test_settings_tell_no_secret": Mistake(declared=(TellsItsPassword,)),
    "test_the_schema_is_plain": Mistake(declared=(TwoTypes,)),
    "test_the_schema_takes_what_validates": Mistake(declared=(NumbersAsText,), samples=_sample(port="25")),
}
