"""What the check-up finds on this machine: keys, hosts that may be reached, room on the disks."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from mailport.errors import MailportError
from mailport_workspace.observing.finding import Finding
from mailport_workspace.sealing import KeyRing, keys_of_file
from mailport_workspace.settings import WorkspaceSettings

__all__ = ["check_disks", "check_egress", "check_keys"]

_SCARCE, _LITTLE = 100 * 2**20, 2**30


def check_keys(settings: WorkspaceSettings) -> Finding:
    """Say whether secrets can be sealed. Nothing is made."""
    if settings.keys is None and settings.is_embedded and not _database_file(settings).exists():
        folder = settings.key_file.absolute().parent
        if not folder.is_dir():
            return Finding.warning(
                "keys", f"There is no folder {folder} for the key file.", "Make it, or set MAILPORT_KEY_FILE."
            )
        return Finding.ok("keys", f"The key file {settings.key_file} is made at the first start.")
    try:
        ring = KeyRing.parse(settings.keys.get_secret_value()) if settings.keys else keys_of_file(settings.key_file)
    except MailportError as error:
        return Finding.of_error("keys", error)
    if settings.keys is None and settings.key_file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        said = f"Others than its owner may read {settings.key_file}."
        return Finding.warning("keys", said, f"chmod 600 {settings.key_file}")
    return Finding.ok("keys", f"{len(ring.keys)} in the ring; “{ring.current}” seals.")


def check_egress(settings: WorkspaceSettings) -> Iterator[Finding]:
    """Say what protects the inside of the network from accounts that tenants enter."""
    if not settings.egress_public_only:
        said = "Accounts of tenants may reach every host, also those inside your network."
        yield Finding.warning(
            "egress", said, "Set MAILPORT_EGRESS_PUBLIC_ONLY=true and name exceptions in MAILPORT_EGRESS_ALLOWED."
        )
    else:
        beside = f", and {', '.join(settings.egress_allowed)}" if settings.egress_allowed else ""
        yield Finding.ok("egress", f"Accounts reach public addresses{beside}.")
    if settings.allow_legacy_tls:
        said = "Inboxes of component type Basic speak TLS 1.0."
        yield Finding.warning("egress", said, "Choose Advanced for every tenant, then unset MAILPORT_ALLOW_LEGACY_TLS.")


def check_disks(settings: WorkspaceSettings) -> Iterator[Finding]:
    """Say how much room is left where this process writes."""
    places = [_database_file(settings).parent] if settings.is_embedded else []
    places += [settings.local_root.absolute()] if settings.local_root else []
    for place in dict.fromkeys(places):
        yield _disk(place)


def _database_file(settings: WorkspaceSettings) -> Path:
    return Path(settings.application_url.database or "").absolute()


def _disk(place: Path) -> Finding:
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        return Finding.failed("disk", f"{place} cannot be used: {error.strerror}.", "Make the folder, or correct the setting.")
    said = f"{free / 2**30:.1f} GiB free at {place}."
    if free < _SCARCE:
        return Finding.failed("disk", said, "Make room before the database cannot write any more.")
    return Finding.warning("disk", said, "Make room soon.") if free < _LITTLE else Finding.ok("disk", said)
