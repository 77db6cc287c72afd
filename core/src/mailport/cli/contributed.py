"""Commands of other packages: entry-point group ``mailport.commands``, each value a ``click.Command``."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

import click

from mailport.errors import PluginError

__all__ = ["GROUP", "Contribution", "contributions"]

GROUP = "mailport.commands"


@dataclass(frozen=True, slots=True)
class Contribution:
    """One command of another package, not loaded yet. The key of a name that is taken says which distribution has it."""

    entry: EntryPoint
    taken_by: str = ""

    @property
    def name(self) -> str:
        """The command's name."""
        return self.entry.name

    @property
    def distribution(self) -> str:
        """The package that brings it."""
        return self.entry.dist.name if self.entry.dist else ""

    @property
    def version(self) -> str:
        """That package's version."""
        return self.entry.dist.version if self.entry.dist else ""

    def load(self) -> click.Command:
        """Import the command. Raises ``PluginError`` for whatever goes wrong."""
        if self.taken_by:
            raise self._broken(f"is already a command of {self.taken_by}.")
        try:
            command = self.entry.load()
        except (Exception, SystemExit) as error:
            raise self._broken(f"cannot be imported: {type(error).__name__}: {error}") from error
        if not isinstance(command, click.Command):
            raise self._broken(f"is a {type(command).__name__}, not a click command.")
        return command

    def _broken(self, why: str) -> PluginError:
        return PluginError(
            f"Command {self.name} of {self.distribution} {self.version} {why}",
            remedy="Update or uninstall the package, or report the error to its author.",
        )


def contributions(own: frozenset[str]) -> list[Contribution]:
    """Return the installed commands by name; a name among mailport's ``own``, or claimed before, is marked as taken."""
    owners = dict.fromkeys(own, "mailport")
    found: list[Contribution] = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.dist.name if entry.dist else "")):
        contribution = Contribution(entry, owners.get(entry.name, ""))
        owners.setdefault(entry.name, contribution.distribution)
        found.append(contribution)
    return found
