"""The administrator's page says what the code says."""

import re
import tomllib
import warnings
from pathlib import Path

import pytest

from mailport.account import validate
from mailport.fields import Direction
from mailport_ews.fields import PROTOCOL

PLUGIN = Path(__file__).parents[3] / "plugins" / "ews"
README = (PLUGIN / "README.md").read_text()
CODE = re.compile(r'"((?:send|read|folder|authentication|permission|greeting|capabilities)\.[a-z_]*[a-z])"')


def test_every_refusal_is_explained() -> None:
    """Each code that the tables and modules can give stands on the page."""
    codes = {code for module in (PLUGIN / "src").rglob("*.py") for code in CODE.findall(module.read_text())}
    assert len(codes) > 40
    assert {code for code in codes if f"`{code}`" not in README} == set()


@pytest.mark.parametrize("example", re.findall(r"```toml\n(.*?)```", README, re.DOTALL))
def test_the_examples_are_valid(example: str) -> None:
    """The settings on the page are settings of an account; secrets stand in the environment."""
    values = tomllib.loads(example)
    [secret] = [name for name, value in values.items() if isinstance(value, dict)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        account = validate(PROTOCOL, Direction.OUTGOING, values | {secret: "from the environment"})
    assert account.user_name == "desk@example.org"
