"""Accounts and sessions from settings."""

from typing import Any

from mailport.account import Account, validate
from mailport.diagnosis import Report, diagnose
from mailport.fields import Direction
from mailport.message import Message
from mailport.receipt import Receipt
from mailport.services import Services
from mailport_ews.fields import PROTOCOL
from mailport_ews.probe import EwsProbe
from mailport_ews.receiver import EwsReceiver
from mailport_ews.sender import EwsSender
from tests.peers.fake_ews.server import FakeEws

ANN = "ann@example.test"


def outgoing(values: dict[str, Any], **changes: Any) -> Account:
    return validate(PROTOCOL, Direction.OUTGOING, values | changes)


def incoming(values: dict[str, Any], **changes: Any) -> Account:
    return validate(PROTOCOL, Direction.INCOMING, values | {"email_component_type": "advanced"} | changes)


def sender(values: dict[str, Any], services: Services | None = None, **changes: Any) -> EwsSender:
    return EwsSender(outgoing(values, **changes), services or Services())


def receiver(values: dict[str, Any], services: Services | None = None, **changes: Any) -> EwsReceiver:
    return EwsReceiver(incoming(values, **changes), services or Services())


def mail(to: str = ANN, **more: Any) -> Message:
    return Message.compose(**{"sender": "inbox@example.org", "to": to, "subject": "Hello", "text": "Good morning.\n"} | more)


async def send(values: dict[str, Any], message: Message | None = None, **changes: Any) -> Receipt:
    async with sender(values, **changes) as open_sender:
        return await open_sender.send(message or mail())


async def climb(account: Account, services: Services | None = None) -> Report:
    services = services or Services()
    return await diagnose(account, EwsProbe(account, services), services)


def arrived(ews: FakeEws, address: str = ANN) -> list[bytes]:
    return ews.room.arrived.get(address, [])
