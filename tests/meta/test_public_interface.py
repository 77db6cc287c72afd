"""What others build on has a description, and the rooms keep their order."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import mailport

ROOT = Path(__file__).parent.parent.parent
SOURCES = sorted([*ROOT.glob("core/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")])
PROTOCOL_LIBRARIES = {
    "aiosmtplib",
    "exchangelib",
    "google.auth",
    "googleapiclient",
    "httpx2",
    "imapclient",
    "imaplib",
    "msal",
    "poplib",
    "requests",
    "smtplib",
}


@pytest.mark.parametrize("name", mailport.__all__)
def test_public_names_exist_and_are_described(name):
    """Each name of the package resolves and says what it is."""
    assert inspect.getdoc(getattr(mailport, name))


@pytest.mark.parametrize("module", ["transport", "fields", "policies", "registry", "host", "blocking"])
def test_public_methods_of_the_contract_are_described(module):
    """Every public method that a plugin or a host meets has a docstring, its own or inherited."""
    loaded = importlib.import_module(f"mailport.{module}")
    classes = [value for value in vars(loaded).values() if inspect.isclass(value) and value.__module__ == loaded.__name__]
    silent = [
        f"{cls.__name__}.{name}"
        for cls in classes
        if not cls.__name__.startswith("_")
        for name, member in vars(cls).items()
        if callable(member) and not name.startswith("_") and not inspect.getdoc(getattr(cls, name))
    ]
    assert silent == []


def test_importing_the_package_imports_no_protocol_library():
    """The core and everything in its namespace is free of protocol libraries."""
    names = ", ".join(repr(name) for name in mailport.__all__)
    code = f"import sys, mailport; [getattr(mailport, name) for name in ({names})]; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert loaded & PROTOCOL_LIBRARIES == set()


@pytest.mark.parametrize("path", sorted(ROOT.glob("plugins/*/src/*/plugin.py")), ids=lambda path: path.parent.name)
def test_a_plugin_module_imports_no_protocol_library(path):
    """Discovery costs no protocol library."""
    code = f"import sys, {path.parent.name}.plugin as p; list(getattr(p, 'mailport_fields', list)()); print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert loaded & PROTOCOL_LIBRARIES == set()


def test_the_core_names_no_protocol():  # PLG-01
    """No module of the core knows a protocol by its key."""
    keys = {"smtp", "imap", "pop3", "ews", "graph", "google", "maildir"}
    named = {
        f"{path.relative_to(ROOT)}: {node.value}"
        for path in ROOT.glob("core/src/mailport/**/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in keys
    }
    assert named == set()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_stay_readable(path):
    """A module has at most 600 lines, a function body at most 60."""
    text = path.read_text()
    assert text.count("\n") <= 600
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [node.name for node in functions if node.end_lineno - node.body[0].lineno + 1 > 60] == []
