"""Plugins: stevedore loads, pluggy registers and calls, we check. A broken plugin is reported, never fatal.

Three things are ours because the libraries leave them open: which distribution an entry point belongs to, duplicate names and
keys, and that nothing a plugin does while it loads (an assertion, ``sys.exit``) stops the others.
"""

from __future__ import annotations

import importlib
import inspect
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy
from stevedore.extension import ExtensionManager

from mailport import hookspecs
from mailport.errors import ConfigurationError, MailportError, PluginError
from mailport.fields import Direction, ProtocolFields, Settings

if TYPE_CHECKING:  # listing the protocols needs neither messages nor an event loop: discovery stays cheap
    from mailport.account import Account
    from mailport.events import Event
    from mailport.policies import Policy, Recogniser
    from mailport.services import Services

__all__ = ["GROUP", "PluginReport", "Rediscovery", "Registry"]

GROUP = "mailport.plugins"
_HOOK_PREFIX = "mailport_"
_DIRECTION_HOOKS = {Direction.OUTGOING: "mailport_send", Direction.INCOMING: "mailport_receive"}
_log = logging.getLogger(__name__)

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginReport:
    """One plugin as it was found: loaded, or failed and why.

    ``name`` is its entry point's; ``distribution`` and ``version`` are empty for a plugin object that the host passed in.
    """

    name: str
    distribution: str = ""
    version: str = ""
    protocols: tuple[str, ...] = ()
    error: MailportError | None = None

    @property
    def label(self) -> str:
        """How a person names the plugin."""
        return f"{self.distribution} {self.version}".strip() or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Rediscovery:
    """What ``rediscover`` found: new plugins, and those whose package is gone (they stay active until a restart)."""

    added: tuple[PluginReport, ...] = ()
    removed: tuple[PluginReport, ...] = ()


class _Loader(ExtensionManager[Any]):
    """stevedore's loading of one entry point that was found afresh and knows its distribution."""

    def __init__(self, entry_point: EntryPoint, failures: list[BaseException]) -> None:
        self._entry_point = entry_point
        super().__init__(GROUP, on_load_failure_callback=lambda _manager, _entry, error: failures.append(error))

    def list_entry_points(self) -> list[EntryPoint]:
        return [self._entry_point]


class Registry:
    """The plugins of one host: ``plugins`` given as objects, then those that are installed."""

    def __init__(self, plugins: Iterable[object] = (), *, discover: bool = True) -> None:
        self._manager = _new_manager()
        self._reports: dict[tuple[str, str], PluginReport] = {}
        self._protocols: dict[str, tuple[ProtocolFields, object, PluginReport]] = {}
        self._policies: tuple[Policy, ...] = ()
        self._recognisers: tuple[Recogniser, ...] = ()
        for plugin in plugins:
            name = getattr(plugin, "__name__", type(plugin).__name__)
            self._add(plugin, PluginReport(name=f"{name}#{len(self._reports)}"))
        if discover:
            self.rediscover()

    def __repr__(self) -> str:
        failed = sum(report.error is not None for report in self._reports.values())
        return f"<Registry protocols={sorted(self._protocols)} failed={failed}>"

    @property
    def reports(self) -> tuple[PluginReport, ...]:
        """Every plugin that was found, loaded or not."""
        return tuple(self._reports.values())

    @property
    def protocols(self) -> tuple[ProtocolFields, ...]:
        """The protocols of all loaded plugins, by title."""
        return tuple(sorted((fields for fields, _, _ in self._protocols.values()), key=lambda fields: fields.title))

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The policies for outgoing mail of all loaded plugins, in the order in which they run."""
        return self._policies

    @property
    def recognisers(self) -> tuple[Recogniser, ...]:
        """The recognisers for incoming mail of all loaded plugins, in the order in which they look."""
        return self._recognisers

    def protocol(self, key: str) -> ProtocolFields:
        """Return the protocol ``key``. Raises ``ConfigurationError`` that says what is installed, or why it failed."""
        if key in self._protocols:
            return self._protocols[key][0]
        raise _unknown_protocol(key, list(self._protocols), self.reports)

    def rediscover(self) -> Rediscovery:
        """Look for installed plugins again and load the new ones; loaded ones stay until the process ends.

        One that failed is tried again: its package may have been mended meanwhile.
        """
        importlib.invalidate_caches()
        found = {(entry.name, _distribution(entry)): entry for entry in entry_points(group=GROUP)}
        loaded = {key for key, report in self._reports.items() if report.error is None}
        fresh = [entry for key, entry in sorted(found.items()) if key not in loaded]
        known = set(self._reports)
        reports = [self._load(entry) for entry in fresh]
        added = tuple(report for report in reports if report.error is None or (report.name, report.distribution) not in known)
        gone = tuple(report for key, report in self._reports.items() if report.distribution and key not in found)
        return Rediscovery(added=added, removed=gone)

    def bind(self, hook: str, account: Account, services: Services, expected: type[Made]) -> Made | None:
        """Call a ``firstresult`` hook for the account's protocol, with other packages' wrappers but without their transports.

        Raises ``PluginError`` for an answer that is no ``expected`` object, and for any failure that is no mailport error.
        """
        owner = self._owner(account.protocol)
        others = {plugin for _, plugin, _ in self._protocols.values() if plugin is not owner}
        caller = self._manager.subset_hook_caller(hook, remove_plugins=others)
        try:
            made = caller(account=account, services=services)
        except MailportError:
            raise
        except Exception as error:
            raise PluginError(f"{self._name(account.protocol)} failed in {hook}.") from error
        if made is not None and not isinstance(made, expected):
            raise PluginError(f"{self._name(account.protocol)} returned no {expected.__name__} from {hook}.")
        return made

    def observe(self, event: Event) -> None:
        """Tell every observer; one that fails is logged and stops nothing."""
        for implementation in self._manager.hook.mailport_observe.get_hookimpls():
            try:
                implementation.function(*(event for _ in implementation.argnames))
            except Exception:
                _log.exception("observer %s failed", implementation.plugin_name)

    def _owner(self, key: str) -> object:
        self.protocol(key)
        return self._protocols[key][1]

    def _name(self, key: str) -> str:
        return self._protocols[key][2].label

    def _load(self, entry: EntryPoint) -> PluginReport:
        version = entry.dist.version if entry.dist else ""
        report = PluginReport(name=entry.name, distribution=_distribution(entry), version=version)
        failures: list[BaseException] = []
        try:
            loaded = [extension.plugin for extension in _Loader(entry, failures).extensions]
        except (AssertionError, SystemExit) as error:  # stevedore lets these pass
            loaded, failures = [], [error]
        if failures:
            return self._failed(report, f"cannot be imported: {type(failures[0]).__name__}: {failures[0]}", failures[0])
        return self._add(loaded[0], report)

    def _add(self, plugin: object, report: PluginReport) -> PluginReport:
        try:
            scratch = _verified(plugin)
            protocols = tuple(_declared(scratch))
            self._check_keys(protocols, report)
            steps = [step for steps in scratch.hook.mailport_policies() for step in steps]
            self._manager.register(plugin, name=f"{report.name} ({report.label})")
        except (Exception, SystemExit) as error:
            return self._failed(report, str(error) or type(error).__name__, error)
        done = PluginReport(
            name=report.name,
            distribution=report.distribution,
            version=report.version,
            protocols=tuple(fields.key for fields in protocols),
        )
        self._protocols |= {fields.key: (fields, plugin, done) for fields in protocols}
        # Sorted here, once: every message asks for them.
        added = [step for step in steps if hasattr(step, "apply")]
        self._policies = tuple(sorted((*self._policies, *added), key=_stage))
        looking = [step for step in steps if hasattr(step, "recognise")]
        self._recognisers = tuple(sorted((*self._recognisers, *looking), key=_stage))
        return self._report(done)

    def _check_keys(self, protocols: Iterable[ProtocolFields], report: PluginReport) -> None:
        for fields in protocols:
            if fields.key in self._protocols:
                other = self._name(fields.key)
                raise PluginError(f"protocol “{fields.key}” is claimed by {report.label} and by {other}")

    def _failed(self, report: PluginReport, why: str, cause: BaseException) -> PluginReport:
        error = PluginError(
            f"Plugin {report.name} of {report.label}: {' '.join(why.split())}",
            remedy="Update or uninstall the package, or report the error to its author.",
        )
        error.__cause__ = cause
        _log.warning("%s", error)
        return self._report(
            PluginReport(name=report.name, distribution=report.distribution, version=report.version, error=error)
        )

    def _report(self, report: PluginReport) -> PluginReport:
        self._reports[report.name, report.distribution] = report
        return report


def _stage(step: Policy | Recogniser) -> tuple[int, str]:
    return step.stage, step.name


def _new_manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else ""


def _verified(plugin: object) -> pluggy.PluginManager:
    """Register a plugin alone: a half-registered one must not stay in the host's manager."""
    known = {name for name in vars(hookspecs) if name.startswith(_HOOK_PREFIX)}
    for name in (name for name in dir(plugin) if name.startswith(_HOOK_PREFIX)):
        if name not in known:
            close = get_close_matches(name, known, n=1)
            raise PluginError(f"has an unknown hook {name}" + (f"; did you mean {close[0]}?" if close else ""))
        if _is_async(getattr(plugin, name)):
            raise PluginError(f"has an asynchronous {name}: hooks return objects, the objects do the waiting")
    scratch = _new_manager()
    scratch.register(plugin)
    scratch.check_pending()
    return scratch


def _is_async(hook: Any) -> bool:
    return inspect.iscoroutinefunction(hook) or inspect.isasyncgenfunction(hook)


def _declared(scratch: pluggy.PluginManager) -> Iterator[ProtocolFields]:
    """Yield the protocols that a verified plugin declares, each checked."""
    for declared in scratch.hook.mailport_fields():
        for fields in declared:
            if not isinstance(fields, ProtocolFields):
                raise PluginError(f"mailport_fields yields {type(fields).__name__}, not ProtocolFields")
            _check_protocol(fields, scratch)
            yield fields


def _check_protocol(fields: ProtocolFields, scratch: pluggy.PluginManager) -> None:
    for direction in fields.directions:
        hook = _DIRECTION_HOOKS[direction]
        if not getattr(scratch.hook, hook).get_hookimpls():
            raise PluginError(f"declares {direction} settings for “{fields.key}” without {hook}")
        for model in fields.models(direction):
            if not _is_settings(model):
                raise PluginError(f"protocol “{fields.key}” has a settings model without authentication")


def _is_settings(model: object) -> bool:
    return isinstance(model, type) and issubclass(model, Settings) and "authentication" in model.model_fields


def _unknown_protocol(key: str, known: list[str], reports: Iterable[PluginReport]) -> ConfigurationError:
    failed = [report.label for report in reports if report.error]
    close = get_close_matches(key.lower(), known, n=1)
    hint = f"Did you mean “{close[0]}”?" if close else f"Installed are: {', '.join(sorted(known)) or 'none'}."
    broken = f" These plugins failed: {', '.join(failed)}." if failed else ""
    return ConfigurationError(
        f"There is no protocol “{key}”.",
        code="settings.protocol",
        field="protocol",
        remedy=f"{hint}{broken} Or install the package of that protocol.",
    )
