"""What the conformance kit needs to know about EWS."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from mailport.fields import Direction
from mailport.services import Services
from mailport.testing.conformance import Feature, ReceiverHarness, SenderHarness, Stored
from mailport_ews import plugin
from mailport_ews.fields import PROTOCOL
from tests.peers.fake_ews import faults
from tests.peers.fake_ews.answers import Failed
from tests.peers.fake_ews.server import FakeEws
from tests.peers.token_grant import Form

_BOTH = frozenset(
    {
        Feature.CREDENTIALS,
        Feature.CONNECTIONS,
        Feature.SIGN_INS,
        Feature.SILENCE,
        Feature.UNCHANGED_READ,
        Feature.UNCHANGED_SENT,
    }
)


class EwsHarness:
    """Both directions."""

    protocol = PROTOCOL
    plugin = plugin

    def __init__(self, ews: FakeEws, settings: dict[str, Any], wrong: dict[str, Any]) -> None:
        self.ews = ews
        self.services = Services()
        self._settings = settings
        self._wrong = wrong
        self._store = ews.room.store(settings["user_name"])
        self.token_requests: Sequence[Form] = ()

    def values(self, direction: Direction) -> dict[str, Any]:
        return self._settings | ({"email_component_type": "advanced"} if direction is Direction.INCOMING else {})

    def wrong_credentials(self, direction: Direction) -> dict[str, Any]:
        return self._wrong

    async def snapshot(self) -> object:
        return {box.name: [(mail.id, mail.seen) for mail in box.mails.values()] for box in self._store.folders.values()}

    @property
    def connections(self) -> int:
        return self.ews.connections

    @property
    def open_connections(self) -> int:
        deadline = time.monotonic() + 5
        while self.ews.open_connections and time.monotonic() < deadline:  # the server notices a moment later
            time.sleep(0.005)
        return self.ews.open_connections

    @property
    def failed_sign_ins(self) -> int:
        return self.ews.refused + sum("client_secret" in form for form in self.token_requests)

    def silence(self) -> None:
        self.ews.silent = True


class EwsSenderHarness(EwsHarness, SenderHarness):
    """Sending. A small request is in the network before anybody could stop it, so that bodies cannot be held or cut."""

    supports = _BOTH | {Feature.REFUSED_MESSAGES, Feature.THROTTLING, Feature.CUT_AFTER_HANDOVER, Feature.HELD_ANSWERS}

    async def arrived(self, address: str, count: int = 1) -> list[bytes]:
        deadline = asyncio.get_running_loop().time() + self.patience
        while len(found := self.ews.room.arrived.get(address.lower(), [])) < count:
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.005)
        return list(found)

    def refuse_messages(self) -> None:
        self.ews.room.verdict = lambda _: Failed("ErrorMessageSizeExceeded")

    def throttle(self) -> float | None:
        self.ews.faults.append(faults.soap(Failed("ErrorServerBusy", back_off=7500), operation="CreateItem", times=None))
        return 7.5

    def cut_after_handover(self) -> None:
        self.ews.faults.append(faults.cut_after(operation="CreateItem", times=None))

    def heal(self) -> None:
        self.ews.faults.clear()

    def holding_answers(self) -> AbstractContextManager[None]:
        return self.ews.holding_answers()

    @property
    def under_way(self) -> int:
        return self.ews.under_way


class EwsReceiverHarness(EwsHarness, ReceiverHarness):
    """Receiving. A cursor comes with the last message of a page of 512."""

    supports = _BOTH | {Feature.FORGOTTEN_CURSORS, Feature.NEW_KEYS, Feature.REMOVAL}

    async def snapshot(self) -> object:
        return await EwsHarness.snapshot(self)

    async def deliver(self, raw: bytes) -> None:
        self._store.put(raw)

    async def stored(self, folder: str | None = None) -> list[Stored]:
        box = self._store.folder(folder or "Inbox")
        return [Stored(mail.raw, seen=mail.seen) for mail in box.mails.values()] if box else []

    async def remove_all(self) -> None:
        for item in list(self._store.folders[self._store.known["inbox"]].mails):
            self._store.remove(item)

    def forget_cursors(self) -> None:
        self._store.epoch += 1
