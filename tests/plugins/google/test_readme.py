"""The administrator's page says what the code says."""

import re
import tomllib
from pathlib import Path

from mailport.account import validate
from mailport.fields import Direction
from mailport_google.fields import PROTOCOL, GoogleIncoming, GoogleOutgoing
from tests.plugins.google.conftest import Google

PLUGIN = Path(__file__).parents[3] / "plugins" / "google"
README = (PLUGIN / "README.md").read_text()
CODE = re.compile(r'"((?:send|read|folder|authentication|permission)\.[a-z_]*[a-z])"')


def test_every_refusal_is_explained() -> None:
    """Each code that the cases and modules can give stands on the page."""
    codes = {code for module in (PLUGIN / "src").rglob("*.py") for code in CODE.findall(module.read_text())}
    assert len(codes) > 20
    assert {code for code in codes if f"`{code}`" not in README} == set()


def test_the_example_is_valid(google: Google) -> None:
    """The settings on the page are settings of an account."""
    [example] = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    values = tomllib.loads(example)
    assert values.pop("private_key") == {"file": "key.json"}
    assert values.pop("direction") == "outgoing"
    assert validate(PROTOCOL, Direction.OUTGOING, values | {"private_key": google.private_key}).user_name == "desk@example.org"


def test_the_scopes_are_those_that_are_asked_for(google: Google) -> None:
    """The administrator is told exactly the scopes that the accounts ask for."""
    settings = [
        google.account().settings,
        google.account(read_sent_mail=True).settings,
        google.account(Direction.INCOMING).settings,
    ]
    asked = [each.scopes for each in settings if isinstance(each, GoogleOutgoing | GoogleIncoming)]
    rows = re.findall(r"^   \| [^|]+ \| (`https[^|]+) \|$", README, re.MULTILINE)
    assert [tuple(re.findall(r"`([^`]+)`", row)) for row in rows] == asked
