"""What the operator decides, read from the environment (``MAILPORT_...``)."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from mailport import Mailport, SessionLimits
from mailport.egress import EgressPolicy
from mailport.errors import ConfigurationError
from mailport.fields import ComponentType
from mailport_workspace.observing.logs import LogFormat
from mailport_workspace.sealing import KeyRing, keys_of_file

__all__ = ["WorkspaceSettings"]


_LONGEST_WAIT = 7 * 24 * 60


class WorkspaceSettings(BaseSettings):
    """The settings of one deployment; the same for every tenant.

    ``database_url`` is the application's. On PostgreSQL ``operator_database_url`` signs in as the role that may work across
    tenants, and ``owner_database_url`` as the one that owns the tables and migrates them; each defaults to the one before.
    ``keys`` is the key ring (``id:base64``, separated by commas or lines, the first one seals), or else ``key_file`` holds it.
    ``egress_allowed`` names hosts, addresses and networks that accounts may reach although they are not public.

    ``engine`` runs the jobs; empty, the database decides. A worker runs ``worker_concurrency`` jobs at a time, is taken for
    dead after ``worker_timeout`` seconds without a sign of life, and has ``drain_limit`` seconds to finish when it is stopped.
    ``openid_*`` let people sign in with OpenID Connect: ``openid_issuer`` is the URL below which the provider describes itself,
    ``openid_tenant_claim`` holds the name or id of a person's tenant, and ``openid_role_claim`` the roles, of which
    ``openid_administrator`` makes an administrator.

    ``public_url`` is how people reach the service (``https://mail.example.org``), where a proxy stands before it;
    ``trusted_proxies`` are the addresses and networks of that proxy: whose word counts about who calls.
    ``cors_origins`` are the web sites whose scripts may call the API with a token.
    A mail is tried ``max_attempts`` times by itself, with ``retry_waits`` minutes between the tries; the last wait repeats.
    ``retention_*`` is how many days the history of mails, their bytes, and finished tasks are kept; with 0 these go at once.

    ``log_format`` is ``console`` or ``json``, ``log_level`` the least that is logged. ``metrics_port`` opens a port for
    ``/metrics`` alone, on ``metrics_host``; without it, ``metrics_token`` opens it beside the API. Where there is a token, only
    who shows it as bearer is answered. ``metrics_by_tenant`` keeps the metrics of tenants apart.
    """

    model_config = SettingsConfigDict(env_prefix="MAILPORT_", env_ignore_empty=True, frozen=True, hide_input_in_errors=True)

    database_url: SecretStr = SecretStr("sqlite+aiosqlite:///mailport.db")
    operator_database_url: SecretStr | None = None
    owner_database_url: SecretStr | None = None
    keys: SecretStr | None = None
    key_file: Path = Path("mailport.keys")
    local_root: Path | None = None
    default_component_type: ComponentType = ComponentType.ADVANCED
    allow_legacy_tls: bool = False
    egress_public_only: bool = True
    egress_allowed: Annotated[tuple[str, ...], NoDecode] = ()
    openid_issuer: str = ""
    openid_client_id: str = ""
    openid_client_secret: SecretStr | None = None
    openid_tenant_claim: str = "tenant"
    openid_role_claim: str = "roles"
    openid_administrator: str = "administrator"
    public_url: str = Field("", pattern=r"^(https?://[^\s/?#]+)?$")
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ("127.0.0.1",)
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    engine: str = ""
    worker_concurrency: int = Field(32, ge=1)
    worker_timeout: float = Field(60.0, gt=0)
    drain_limit: float = Field(20.0, ge=0)
    max_attempts: int = Field(12, ge=1)
    retry_waits: Annotated[tuple[float, ...], NoDecode] = Field((1, 2, 5, 10, 30, 60), min_length=1)
    retention_journal: int = Field(365, ge=1)
    retention_raw: int = Field(90, ge=1)
    retention_finished: int = Field(30, ge=0)
    log_format: LogFormat = LogFormat.CONSOLE
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    metrics_port: int | None = Field(None, ge=1, le=65535)
    metrics_host: str = "127.0.0.1"
    metrics_token: SecretStr | None = None
    metrics_by_tenant: bool = False

    @field_validator("egress_allowed", "trusted_proxies", "cors_origins", "retry_waits", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _real_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in value:
            ip_network(proxy)  # else the server would take it for a name, and trust nobody
        return value

    @field_validator("retry_waits")
    @classmethod
    def _real_waits(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0 < minutes <= _LONGEST_WAIT for minutes in value):
            raise ValueError("each wait is a number of minutes, at most a week")
        return value

    @field_validator("database_url", "operator_database_url", "owner_database_url")
    @classmethod
    def _known_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            _check_driver(value.get_secret_value())
        return value

    @field_validator("default_component_type", "log_format", "log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @property
    def is_embedded(self) -> bool:
        """Whether the database is a file of this machine, and no other server is needed."""
        return self.application_url.get_backend_name() == "sqlite"

    @property
    def application_url(self) -> URL:
        """Where the sessions of tenants connect."""
        return make_url(self.database_url.get_secret_value())

    @property
    def operator_url(self) -> URL:
        """Where work across tenants connects."""
        return make_url((self.operator_database_url or self.database_url).get_secret_value())

    @property
    def owner_url(self) -> URL:
        """Where the tables are made."""
        return make_url((self.owner_database_url or self.operator_database_url or self.database_url).get_secret_value())

    @property
    def egress(self) -> EgressPolicy:
        """Where accounts, webhooks and record stores may connect."""
        return EgressPolicy(public_only=self.egress_public_only, allowed=self.egress_allowed)

    def key_ring(self) -> KeyRing:
        """Return the keys that seal secrets; the embedded database makes its key file on the first run."""
        if self.keys is not None:
            return KeyRing.parse(self.keys.get_secret_value())
        return keys_of_file(self.key_file, create=self.is_embedded)

    def mailport(self, **more: Any) -> Mailport:
        """Return the library as this deployment wants it."""
        return Mailport(
            egress=self.egress,
            local_root=self.local_root,
            allow_legacy_tls=self.allow_legacy_tls,
            default_component_type=self.default_component_type,
            limits=SessionLimits(circuit=0.0),  # the outbox keeps circuits, and a person may close one
            **more,
        )


def _check_driver(url: str) -> None:
    try:
        driver = make_url(url).drivername
    except ArgumentError:  # its text repeats the URL, password included
        driver = "?"
    if driver not in ("sqlite+aiosqlite", "postgresql+psycopg"):
        raise ConfigurationError(
            f"“{driver}” is no database of mailport-workspace: begin the URL with sqlite+aiosqlite:/// or postgresql+psycopg://.",
            code="settings.database",
            field="database_url",
        )
