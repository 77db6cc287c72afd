"""Plugins: a good one is found while the host runs, a broken one is reported and stops nothing."""

import os
import subprocess
import sys
from typing import Literal

import pytest

from mailport import ConfigurationError, Mailport, PluginError, ProtocolFields
from mailport.fields import ComponentType, Settings, setting
from mailport.hookspecs import hookimpl
from mailport.registry import Registry
from mailport.services import Services
from mailport.testing.memory import MemoryPlugin
from mailport.transport import Sender, SenderWrapper

pytest_plugins = ["tests.core.cli_kit"]

ONE_PROTOCOL = """
from typing import Literal
from mailport.fields import ProtocolFields, Settings, setting
from mailport.hookspecs import hookimpl
class Plain(Settings):
    authentication: Literal["plain"] = setting("plain", label="Authentication", choices={{"plain": "Plain"}})
@hookimpl
def mailport_fields():
    return (ProtocolFields(key="{key}", title="{key}", outgoing=(Plain,)),)
@hookimpl
def mailport_send(account, services):
    return None
"""


class Anyone(Settings):
    authentication: Literal["plain"] = setting("plain", label="Authentication", choices={"plain": "Plain"})


def report_on(plugin):
    """Register one plugin and return what is said about it."""
    return Registry((plugin,), discover=False).reports[0]


def declaring(*protocols, **hooks):
    """A plugin object that declares ``protocols`` and has further hooks."""
    members = {"mailport_fields": lambda self: protocols, "mailport_send": lambda self, account, services: None} | hooks
    return type("Plugin", (), {name: hookimpl(hook) for name, hook in members.items() if hook})()


PROTOCOL = ProtocolFields(key="one", title="One", outgoing=(Anyone,))


async def waits(self, account, services):
    """What a hook must not be."""


async def yields(self):
    """Nor this."""
    yield PROTOCOL


@pytest.mark.parametrize("hooks", [{"mailport_send": waits}, {"mailport_fields": yields}])
def test_an_asynchronous_hook_is_refused(hooks):
    """A coroutine is never None: it would win every first result."""
    assert "asynchronous" in str(report_on(declaring(PROTOCOL, **hooks)).error)


def test_an_unknown_hook_is_refused_with_a_suggestion():
    """A misspelt hook would never be called."""
    error = report_on(declaring(PROTOCOL, mailport_recieve=lambda self, account, services: None)).error
    assert "mailport_recieve; did you mean mailport_receive?" in str(error)


def test_an_argument_that_the_hook_lacks_is_refused():
    """The message names the argument."""
    error = report_on(declaring(PROTOCOL, mailport_send=lambda self, account, password: None)).error
    assert "password" in str(error)
    assert (str(error).partition(":")[0], "\n" in str(error)) == ("Plugin Plugin#0 of Plugin#0", False)


def test_a_protocol_in_capitals_is_recognised():
    """Who writes the name as people say it is told how settings spell it."""
    with pytest.raises(ConfigurationError) as caught:
        Registry((declaring(PROTOCOL),), discover=False).protocol("ONE")
    assert "Did you mean “one”?" in caught.value.remedy


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"key": "one"}, "dict, not ProtocolFields"),
        (ProtocolFields(key="one", title="One", incoming=(Anyone,)), "incoming settings for “one” without mailport_receive"),
        (ProtocolFields(key="one", title="One", outgoing=(Settings,)), "without authentication"),
        (ProtocolFields(key="one", title="One", outgoing=(int,)), "without authentication"),
    ],
)
def test_a_declaration_that_does_not_hold_is_refused(declared, said):
    """What a plugin declares is checked before anybody relies on it."""
    assert said in str(report_on(declaring(declared)).error)


def test_nothing_of_a_broken_plugin_stays():
    """A plugin that fails in its second protocol is not half there."""
    registry = Registry((declaring(PROTOCOL, {"no": "protocol"}),), discover=False)
    assert registry.protocols == ()
    with pytest.raises(ConfigurationError, match="no protocol “one”"):
        registry.protocol("one")


def test_a_key_claimed_twice_names_both_distributions(site):
    """The first keeps its protocol, and the other is told who has it."""
    for name in ("first", "second"):
        site.install(
            f"mailport-{name}", modules={f"twice_{name}": ONE_PROTOCOL.format(key="twice")}, plugins={name: f"twice_{name}"}
        )
    registry = Registry()
    failed = next(report for report in registry.reports if report.name == "second")
    assert "mailport-second 1.0" in str(failed.error)
    assert "mailport-first 1.0" in str(failed.error)
    assert registry.protocol("twice").key == "twice"


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("import a_library_that_is_not_here", ModuleNotFoundError),
        ("raise SystemExit(3)", SystemExit),
        ("assert False, 'no'", AssertionError),
        ("def broken(:", SyntaxError),
        ("1 / 0", ZeroDivisionError),
    ],
)
def test_whatever_a_plugin_does_while_it_loads_is_reported(site, source, kind):
    """Cause and distribution are kept; the others work."""
    name = f"loads_{kind.__name__.lower()}"
    site.install("mailport-broken", modules={name: source}, plugins={"broken": name})
    site.install("mailport-fine", modules={f"{name}_fine": ONE_PROTOCOL.format(key="fine")}, plugins={"fine": f"{name}_fine"})
    registry = Registry()
    report = next(report for report in registry.reports if report.name == "broken")
    assert (report.distribution, report.version, type(report.error.__cause__)) == ("mailport-broken", "1.0", kind)
    assert registry.protocol("fine").title == "fine"


def test_what_was_installed_later_appears(site):
    """No restart is needed for a new package."""
    registry = Registry()
    site.install("mailport-later", modules={"later": ONE_PROTOCOL.format(key="later")}, plugins={"later": "later"})
    assert [report.protocols for report in registry.rediscover().added] == [("later",)]
    assert registry.protocol("later").key == "later"
    assert registry.rediscover().added == ()


def test_a_plugin_that_was_mended_is_loaded_by_the_next_look(site):
    """A package that failed is tried again; one that still fails is not announced twice."""
    site.install("mailport-mended", modules={"mended": "raise ImportError('half installed')"}, plugins={"mended": "mended"})
    registry = Registry()
    assert registry.rediscover().added == ()
    (site.path / "mended.py").write_text(ONE_PROTOCOL.format(key="mended"))
    assert [report.protocols for report in registry.rediscover().added] == [("mended",)]
    assert all(report.error is None for report in registry.reports if report.name == "mended")


def test_what_was_removed_is_named_and_stays_until_a_restart(site):
    """Python cannot unload a module, so we say so instead of pretending."""
    info = site.install("mailport-goes", modules={"goes": ONE_PROTOCOL.format(key="goes")}, plugins={"goes": "goes"})
    registry = Registry()
    (info / "entry_points.txt").unlink()
    assert [report.distribution for report in registry.rediscover().removed] == ["mailport-goes"]
    assert registry.protocol("goes").key == "goes"


@pytest.mark.parametrize("home", ["/nonexistent", "/proc"])
def test_a_home_directory_that_cannot_be_written_is_no_matter(home, site):
    """Services run without a home; discovery keeps no cache there."""
    site.install("mailport-homeless", modules={"homeless": ONE_PROTOCOL.format(key="homeless")}, plugins={"h": "homeless"})
    environ = os.environ | {"HOME": home, "XDG_CACHE_HOME": f"{home}/cache", "PYTHONPATH": str(site.path)}
    program = "from mailport.registry import Registry; print(Registry().protocol('homeless').key)"
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == "homeless\n"


async def test_a_protocol_that_makes_nothing_is_the_plugins_fault(compose):
    """A declared direction must lead to a sender; None is a broken promise."""
    async with Mailport(plugins=[declaring(PROTOCOL)], discover=False) as host:
        account = host.account({"protocol": "one"})
        with pytest.raises(PluginError, match="makes nothing"):
            await host.submit(compose(), account)


@pytest.mark.parametrize(
    ("hook", "said"),
    [(lambda self, account, services: "a sender", "returned no Sender"), (lambda self, account, services: 1 / 0, "failed in")],
)
async def test_a_hook_that_misbehaves_is_named(compose, hook, said):
    """Who must act is the plugin's author, so the error names the hook and keeps the cause."""
    async with Mailport(plugins=[declaring(PROTOCOL, mailport_send=hook)], discover=False) as host:
        with pytest.raises(PluginError, match=f"{said}.*mailport_send|{said}.*"):
            await host.submit(compose(), host.account({"protocol": "one"}))


class Counting(SenderWrapper):
    """Counts what it hands on."""

    sent = 0

    async def send(self, message):
        type(self).sent += 1
        return await super().send(message)


async def test_wrappers_of_other_packages_run_and_other_transports_do_not(memory, values, compose):
    """Telemetry and signing surround every sender; a transport is only asked for its own accounts."""
    asked = []

    class Wrapper:
        @hookimpl(wrapper=True)
        def mailport_send(self, account, services):
            made = yield
            return Counting(made)

    other = declaring(PROTOCOL, mailport_send=lambda self, account, services: asked.append(account))
    async with Mailport(plugins=[other, MemoryPlugin(memory), Wrapper()], discover=False) as host:
        await host.submit(compose(), host.account(values))
    assert (Counting.sent, asked, len(memory.accepted)) == (1, [], 1)


class Modern(Settings):
    component_types = frozenset({ComponentType.ADVANCED})
    authentication: Literal["modern"] = setting("modern", label="Authentication", choices={"modern": "Modern"})


async def test_the_component_type_is_checked_before_the_hook_is_called():  # CMP-04
    """The message names the values that are allowed."""
    fields = ProtocolFields(key="one", title="One", incoming=(Anyone, Modern))
    plugin = declaring(fields, mailport_send=None, mailport_receive=lambda self, account, services: 1 / 0)
    async with Mailport(plugins=[plugin], discover=False) as host:
        with pytest.raises(ConfigurationError) as caught:
            host.account({"protocol": "one", "authentication": "modern", "email_component_type": "basic"}, "incoming")
    assert (caught.value.field, caught.value.code) == ("authentication", "settings.component_type")
    assert "plain" in caught.value.remedy


def test_bind_needs_an_installed_protocol(outgoing):
    """An account of a protocol that is gone ends in an error of configuration."""
    with pytest.raises(ConfigurationError, match="no protocol “memory”"):
        Registry(discover=False).bind("mailport_send", outgoing, Services(), Sender)
