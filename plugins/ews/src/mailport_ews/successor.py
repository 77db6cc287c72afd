"""The settings of an EWS account as those of Microsoft Graph, and as the text of an account file. Pure."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mailport.errors import ConfigurationError
from mailport.rules import IncomingRules, OutgoingRules

__all__ = ["graph_values", "to_toml"]

_CLOUDS = {
    "outlook.office365.com": "global",
    "outlook.office.com": "global",
    "outlook.office365.us": "us_gov_l4",
    "outlook-dod.office365.us": "us_gov_l5",
    "webmail.apps.mil": "us_gov_l5",
    "partner.outlook.cn": "china",
}
"""Graph's clouds by the host of Client Resource URL."""

_SAME = (
    "direction",
    "user_name",
    "client_tenant_id",
    "client_id",
    "client_secret_key",
    "client_certificate",
    "from_address",
    "save_to_sent_items",
    "folder",
    "ca_certificates",
    "proxy_url",
    "custom",
    *OutgoingRules.model_fields,
    *IncomingRules.model_fields,
)
"""What means the same in both, in the order in which it is written."""


def graph_values(values: Mapping[str, Any], app: Mapping[str, Any], graph_url: str = "") -> dict[str, Any]:
    """Return Graph's values for those of an EWS account file; references to secrets stay references.

    ``app`` are the application's values where the account signed in with a password. ``graph_url`` names a Graph that is in
    none of Microsoft's clouds. Raises ``ConfigurationError`` for what is missing.
    """
    known = {name: value for name, value in (dict(values) | dict(app)).items() if name in _SAME}
    _check(known)
    found = {"protocol": "graph", "authentication": "auth_login"} | {n: known[n] for n in dict.fromkeys(_SAME) if n in known}
    if values.get("minimum_tls_version") == "1.3":
        found["minimum_tls_version"] = "1.3"
    return found | _place(values, graph_url)


def _check(known: Mapping[str, Any]) -> None:
    missing = [name for name in ("client_tenant_id", "client_id") if not known.get(name)]
    if not (known.get("client_secret_key") or known.get("client_certificate")):
        missing.append("client_secret_key")
    if missing:
        raise ConfigurationError(
            "Microsoft Graph needs an application, and this account signs in with a password.",
            code="settings.missing",
            field=missing[0],
            remedy="Register one (Entra admin centre, App registrations), grant it Mail.Send and Mail.ReadWrite, and name it "
            "with --tenant, --client-id and --secret-env.",
        )


def _place(values: Mapping[str, Any], graph_url: str) -> dict[str, str]:
    if graph_url:
        return {"authority_url": str(values.get("client_login_url", "")).rstrip("/"), "graph_url": graph_url}
    resource = urlsplit(str(values.get("client_resource_url") or "https://outlook.office365.com"))
    cloud = _CLOUDS.get(resource.hostname or "")
    if cloud is None:
        raise ConfigurationError(
            f"{resource.hostname} is in none of Microsoft's clouds.",
            code="settings.cloud",
            field="client_resource_url",
            remedy="Microsoft Graph is for Exchange Online; an own Exchange server keeps EWS. Or use --graph-url.",
        )
    return {} if cloud == "global" else {"cloud": cloud}


def to_toml(values: Mapping[str, Any], *, read_in: Path, written_in: Path) -> str:
    """Return an account file. References to files, relative to ``read_in``, become relative to ``written_in``."""
    custom = values.get("custom") or {}
    lines = [f"{name} = {_literal(value, read_in, written_in)}" for name, value in values.items() if name != "custom"]
    lines += ["", "[custom]", *(f"{json.dumps(name)} = {_literal(value)}" for name, value in custom.items())] if custom else []
    return "\n".join(lines) + "\n"


def _literal(value: Any, read_in: Path | None = None, written_in: Path | None = None) -> str:
    if isinstance(value, dict):
        if set(value) == {"file"} and read_in is not None and written_in is not None:
            value = {"file": os.path.relpath(read_in / value["file"], written_in)}
        inner = ", ".join(f"{json.dumps(name)} = {_literal(item)}" for name, item in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, list):
        return f"[{', '.join(_literal(item) for item in value)}]"
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps(str(value)).replace("\x7f", "\\u007f")
