"""The workspace: everything that works on one deployment, made once per process. Start reading here."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from mailport_workspace.access.openid import OpenId
from mailport_workspace.access.sign_ins import SignIns
from mailport_workspace.access.tokens import Tokens
from mailport_workspace.deployment.plugins import Plugins
from mailport_workspace.deployment.shared_tokens import SharedTokens
from mailport_workspace.engines.choosing import engine_of
from mailport_workspace.intake.poll import Poller
from mailport_workspace.intake.quarantine import Quarantine
from mailport_workspace.intake.queue import Intake
from mailport_workspace.intake.queues import Queues
from mailport_workspace.observing import metrics
from mailport_workspace.outbox.outbox import Outbox
from mailport_workspace.outbox.retry import RetryRules
from mailport_workspace.processing.process import Processing
from mailport_workspace.records.chosen import ChosenRecords, RecordStoreKeys
from mailport_workspace.records.definitions import RecordTypes
from mailport_workspace.records.desk import RecordDesk
from mailport_workspace.records.embedded import EmbeddedRecords
from mailport_workspace.records.interface import RecordStore
from mailport_workspace.records.outside import OutsideNumbers
from mailport_workspace.records.webhook import WebhookRecords
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.store import Store
from mailport_workspace.tenants.configuration import Configurations
from mailport_workspace.tenants.connection_tests import ConnectionTests
from mailport_workspace.tenants.imports import Imports
from mailport_workspace.tenants.inboxes import Inboxes
from mailport_workspace.tenants.incoming_rules import IncomingRules
from mailport_workspace.tenants.options import Options
from mailport_workspace.tenants.tabs import Tabs
from mailport_workspace.tenants.templates import Templates
from mailport_workspace.tenants.transfer import Transfer
from mailport_workspace.tenants.users import Users
from mailport_workspace.upkeep.credentials import Credentials
from mailport_workspace.upkeep.summary import Summaries
from mailport_workspace.upkeep.upkeep import Upkeep
from mailport_workspace.web import WebClient
from mailport_workspace.webhooks.deliver import Deliveries
from mailport_workspace.webhooks.webhooks import Webhooks

__all__ = ["Workspace"]


class Workspace:
    """The services of one deployment; use it with ``async with`` in one event loop. Each attribute is one room."""

    def __init__(self, settings: WorkspaceSettings) -> None:
        self.settings = settings
        self.store = Store(settings.application_url, settings.operator_url)
        self.ring = settings.key_ring()
        tokens = None if settings.is_embedded else SharedTokens(self.store, self.ring)
        self.mailport = settings.mailport(plugins=[metrics.Observer()], tokens=tokens)
        metrics.label_tenants(settings.metrics_by_tenant)
        self.engine = engine_of(settings)
        self.configurations = Configurations(self.store, self.mailport, self.ring)
        self.inboxes = Inboxes(self.store, self.mailport, self.ring)
        self.connection_tests = ConnectionTests(
            self.store, self.configurations, self.inboxes, mailport=self.mailport, ring=self.ring, engine=self.engine
        )
        self.plugins = Plugins(self.store, self.mailport)
        self.users = Users(self.store)
        self.sign_ins = SignIns(self.store, self.users)
        self.tokens = Tokens(self.store)
        self.options = Options(self.store)
        self.incoming_rules = IncomingRules(self.store)
        self.imports = Imports(self.store)
        self.outbox = Outbox(
            self.store,
            self.configurations,
            self.mailport,
            self.ring,
            self.engine,
            rules=RetryRules(max_attempts=settings.max_attempts, waits=settings.retry_waits),
        )
        self.web = WebClient(settings.egress)
        self.openid = OpenId(settings, self.store, users=self.users, sign_ins=self.sign_ins, ring=self.ring, web=self.web)
        embedded = EmbeddedRecords(self.store)
        self.records: RecordStore = ChosenRecords(self.store, embedded, WebhookRecords(self.store, self.ring, self.web))
        self.tabs = Tabs(self.store, self.records)
        self.templates = Templates(self.store, self.records)
        self.processing = Processing(self.store, self.mailport, self.ring, self.records)
        self.intake = Intake(self.store, self.mailport, self.processing)
        self.poller = Poller(self.store, self.mailport, self.ring, self.intake)
        self.queues = Queues(self.store, self.engine)
        self.quarantine = Quarantine(self.store, self.engine)
        self.record_store_keys = RecordStoreKeys(self.store, self.ring)
        self.record_types = RecordTypes(self.store)
        self.outside_numbers = OutsideNumbers(self.store, self.records)
        self.desk = RecordDesk(self.store, embedded, self.outbox, self.configurations)
        self.webhooks = Webhooks(self.store, self.ring, settings.egress)
        self.deliveries = Deliveries(self.store, self.ring, self.web)
        self.credentials = Credentials(self.store, self.ring)
        summaries = Summaries(self.store, self.configurations, self.outbox, self.credentials)
        self.upkeep = Upkeep(self.store, settings, self.credentials, summaries)
        self.transfer = Transfer(self.store, self.configurations, self.inboxes)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Finish what is under way and close every connection."""
        await self.engine.close()
        await self.web.close()
        await self.mailport.close()
        await self.store.close()
