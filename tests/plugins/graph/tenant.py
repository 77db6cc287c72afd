"""Settings and sessions for the fake Graph."""

from dataclasses import dataclass, field
from typing import Any

import mailport_graph.plugin
from mailport.account import Account, validate
from mailport.fields import Direction
from mailport.message import Message
from mailport.services import Services
from mailport.transport import Receiver, Sender
from tests.peers.fake_graph import FakeGraph
from tests.peers.fake_graph_store import Mailbox
from tests.peers.pki import Pki
from tests.peers.token_endpoint import TokenEndpoint

[FIELDS] = mailport_graph.plugin.mailport_fields()


@dataclass
class Tenant:
    """One app, one mailbox."""

    fake: FakeGraph
    tokens: TokenEndpoint
    pki: Pki
    secret: str
    client_id: str = "4c1f0d5e-8a6b-4a52-9d0e-1f2a3b4c5d6e"
    address: str = "agent@example.test"
    services: Services = field(default_factory=Services)

    @property
    def mailbox(self) -> Mailbox:
        """The agent's mailbox, as the service sees it."""
        return self.fake.mailbox(self.address)

    def values(self) -> dict[str, Any]:
        """Settings that work, for both directions."""
        return {
            "client_tenant_id": "tenant",
            "client_id": self.client_id,
            "client_secret_key": self.secret,
            "user_name": self.address,
            "authority_url": self.tokens.tenant.removesuffix("/tenant"),
            "graph_url": self.fake.service,
            "ca_certificates": self.pki.ca_pem,
        }

    def account(self, direction: Direction = Direction.OUTGOING, **changes: Any) -> Account:
        """An account, some of its settings changed."""
        advanced = {"email_component_type": "advanced"} if direction is Direction.INCOMING else {}
        return validate(FIELDS, direction, self.values() | advanced | changes)

    def sender(self, **changes: Any) -> Sender:
        """An unopened sender."""
        return mailport_graph.plugin.mailport_send(self.account(**changes), self.services)

    def receiver(self, **changes: Any) -> Receiver:
        """An unopened receiver."""
        return mailport_graph.plugin.mailport_receive(self.account(Direction.INCOMING, **changes), self.services)

    def mail(self, to: str = "ann@example.test", **more: Any) -> Message:
        """A small mail from the agent."""
        return Message.compose(**{"sender": self.address, "to": to, "subject": "Hello", "text": "Good morning.\n"} | more)
