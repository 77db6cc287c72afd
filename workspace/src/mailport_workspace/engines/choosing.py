"""Which engine runs the jobs: the one that is set, or the one that the database asks for."""

from __future__ import annotations

from importlib.metadata import entry_points

from mailport.errors import ConfigurationError
from mailport_workspace.engines import Engine
from mailport_workspace.settings import WorkspaceSettings

__all__ = ["GROUP", "engine_of"]

GROUP = "mailport.engines"
"""The group of entry points by which engines are found."""


def engine_of(settings: WorkspaceSettings) -> Engine:
    """Return the deployment's engine. Raises ``ConfigurationError`` that says which there are, or what one of them lacks."""
    name = settings.engine or ("local" if settings.is_embedded else "procrastinate")
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name not in found:
        raise _unusable(f"There is no engine “{name}”.", f"Choose one of: {', '.join(sorted(found))}.")
    try:
        make = found[name].load()
    except ImportError as error:
        raise _unusable(
            f"The engine “{name}” cannot be loaded: {error}.",
            "Install what it needs; for PostgreSQL that is mailport-workspace[postgres].",
        ) from error
    engine: Engine = make(settings)
    return engine


def _unusable(said: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(said, code="settings.engine", field="engine", remedy=remedy)
