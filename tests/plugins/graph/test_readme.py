"""The administrator's page says what the code says."""

import re
import tomllib
from pathlib import Path

from mailport.account import validate
from mailport.fields import Direction
from mailport_graph.remedies import BY_CODE, BY_NUMBER, BY_OAUTH_ERROR, BY_STATUS
from tests.plugins.graph.tenant import FIELDS

README = (Path(__file__).parents[3] / "plugins" / "graph" / "README.md").read_text()
SOURCES = Path(__file__).parents[3] / "plugins" / "graph" / "src" / "mailport_graph"


def test_every_refusal_is_explained() -> None:
    """Each code that a table can give, and each that the modules raise, stands on the page."""
    codes = {meaning.code for table in (BY_CODE, BY_OAUTH_ERROR, BY_STATUS) for meaning in table.values()}
    codes |= {code for code, _, _ in BY_NUMBER.values()}
    for module in SOURCES.glob("*.py"):
        codes |= set(re.findall(r'code="((?:send|read|folder|authentication|permission)\.[a-z_]+)"', module.read_text()))
    assert {code for code in codes if f"`{code}`" not in README} == {"folder.name"}


def test_the_example_is_valid() -> None:
    """The settings on the page are settings of an account."""
    [example] = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    values = tomllib.loads(example)
    assert isinstance(values["client_secret_key"], dict)
    validate(FIELDS, Direction.OUTGOING, values | {"client_secret_key": "from the environment"})
