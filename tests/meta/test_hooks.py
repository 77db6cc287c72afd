"""A hook without documentation and a test fails the build."""

import inspect
import re
from pathlib import Path

import pytest

from mailport import hookspecs

ROOT = Path(__file__).parent.parent.parent
HOOKS = [name for name in vars(hookspecs) if name.startswith("mailport_")]


def signature(name):
    written = inspect.signature(getattr(hookspecs, name))
    arguments = ", ".join(f"{argument.name}: {argument.annotation}" for argument in written.parameters.values())
    return f"## {name}({arguments}) -> {written.return_annotation}"


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_documented_with_its_signature(name):
    """The reference has a section whose heading is the exact signature."""
    assert signature(name) in (ROOT / "docs" / "reference" / "hooks.md").read_text().splitlines()


def test_nothing_else_is_documented_as_a_hook():
    """The reference names no hook that does not exist."""
    assert set(re.findall(r"^## (\w+)\(", (ROOT / "docs/reference/hooks.md").read_text(), re.MULTILINE)) == set(HOOKS)


def implementing(name, *patterns):
    return [path for pattern in patterns for path in ROOT.glob(pattern) if f"def {name}(" in path.read_text()]


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_a_test_that_implements_it(name):
    """What no test calls is not promised."""
    assert implementing(name, "tests/**/test_*.py", "core/src/mailport/testing/**/*.py")
