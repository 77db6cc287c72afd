"""Codes of errors are stable: each stands in docs/reference/errors.md, with the distributions that name it."""

import ast
import re
from collections import defaultdict
from pathlib import Path
from typing import get_args

from mailport.transport import Rung
from mailport_graph.texts import Loss
from mailport_workspace.webhooks.events import EVENT_MEANINGS

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "reference" / "errors.md"
SOURCES = sorted([*ROOT.glob("core/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")])
SERVICE = sorted(ROOT.glob("workspace/src/**/*.py"))
FIRST = {*Rung, "*", "address", "message", "plugin", "transport", "recognition", "conversation", "cli", "mailport"}
# In a text anywhere: tables hold codes as well. The core's own modules are called mailport.something.
CODE = re.compile(rf"(?:\*|{'|'.join(FIRST - {'*', 'mailport'})})\.[a-z0-9_]*[a-z0-9]|mailport\.error")
NO_CODE = {"message.eml"}
ROW = re.compile(r"^\| `([a-z_*]+\.[a-z0-9_*]+)` \| (.+) \| ([a-z, ]+) \|$", re.MULTILINE)
SERVICE_ROW = re.compile(r"^\| `([a-z]+\.[a-z0-9_]+)` \| [^|]+ \|$", re.MULTILINE)
FILLED_IN = {"send.*": [f"send.{loss}" for loss in get_args(Loss)]}


def written(value):
    """Return the codes that an expression may be: a rung that is filled in is a star."""
    if isinstance(value, ast.IfExp):
        return [*written(value.body), *written(value.orelse)]
    if isinstance(value, ast.JoinedStr):
        text = "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in value.values)
        return FILLED_IN.get(text, [text])
    return [value.value] if isinstance(value, ast.Constant) and isinstance(value.value, str) else []


def codes_in(tree):
    """Yield every code in a module: what is given as one, and every text that looks like one."""
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg="code", value=value) | ast.Assign(targets=[ast.Attribute(attr="code")], value=value):
                yield from written(value)
            case ast.Assign(targets=[ast.Name(id="default_code")], value=value):
                yield from written(value)
            case ast.Constant(value=str(text)) if CODE.fullmatch(text) and text not in NO_CODE:
                yield text


def named():
    """Return each code of the sources with the distributions that name it."""
    found = defaultdict(set)
    for path in SOURCES:
        distribution = path.relative_to(ROOT).parts[0 if path.is_relative_to(ROOT / "core") else 1]
        for code in codes_in(ast.parse(path.read_text())):
            found[code].add(distribution)
    return {code: ", ".join(sorted(names)) for code, names in found.items()}


def documented():
    return {code: names for code, _, names in ROW.findall(PAGE.read_text())}


def test_every_code_is_documented_and_every_documented_code_exists():
    """The page has exactly the codes of the sources, and says where they come from."""
    assert documented() == named()


def test_the_page_has_each_code_once_and_in_order():
    """Each table is sorted, so that two people who add a code do not collide."""
    codes = [code for code, _, _ in ROW.findall(PAGE.read_text())]
    order = list(dict.fromkeys(code.partition(".")[0] for code in codes))
    assert codes == sorted(set(codes), key=lambda code: (order.index(code.partition(".")[0]), code))


def test_every_code_begins_with_a_rung_or_a_subject():
    """The first part says where on the ladder the cause lies, or to which work it belongs."""
    assert {code for code in named() if code.partition(".")[0] not in FIRST} == set()


def test_the_check_bites():
    """A code in a table, one with a rung that is filled in, and a choice of two are found; the name of a module is not."""
    source = 'T = {"send.one": 1, "mailport.two": 2}\nE(code=f"{rung}.three")\nE(code="a.four" if x else "read.five")\n'
    assert set(codes_in(ast.parse(source))) == {"send.one", "*.three", "a.four", "read.five"}


def service_texts():
    """Return the texts of the service that look like a code, of the subjects that the page has; events are named alike."""
    subjects = {code.partition(".")[0] for code in (*SERVICE_ROW.findall(PAGE.read_text()), *documented())}
    like_a_code = re.compile(rf"(?:{'|'.join(sorted(subjects - {'*', 'mailport'}))})\.[a-z0-9_]*[a-z0-9]")
    texts = {node.value for path in SERVICE for node in ast.walk(ast.parse(path.read_text())) if is_text(node)}
    return {text for text in texts if like_a_code.fullmatch(text)} - set(EVENT_MEANINGS) - NO_CODE


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_every_code_of_the_service_is_documented():
    """Its own stand in the last table, sorted and each once; what the libraries have already stands above."""
    own = SERVICE_ROW.findall(PAGE.read_text())
    assert own == sorted(set(own))
    assert set(own) == service_texts() - set(documented())
