"""Probes with one small mistake each, and the case of the kit that must notice it."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from mailport.errors import AuthenticationFailed, Unreachable
from mailport.fields import Direction
from mailport.testing.memory.harness import PASSWORD, USER
from mailport.testing.memory.probe import MemoryProbe
from mailport.transport import Endpoint, Rung, Step
from tests.meta.breakage import Breakages

BREAKAGES = Breakages("probe", direction=Direction.INCOMING)
noticed_by = BREAKAGES.noticed_by


@noticed_by("test_a_good_account_passes")
class SaysNothing(MemoryProbe):
    def steps(self) -> Sequence[Step]:
        return [replace(step, run=self._nothing) for step in super().steps()]

    async def _nothing(self) -> str:
        return ""


@noticed_by("test_rungs_are_climbed_in_order")
class ClimbsDown(MemoryProbe):
    def steps(self) -> Sequence[Step]:
        return super().steps()[::-1]


@noticed_by("test_it_leaves_no_trace")
class WritesToTheMailbox(MemoryProbe):
    async def _folder(self) -> str:
        self._mail.mailboxes[USER].add(b"test")
        return await super()._folder()


@noticed_by("test_wrong_credentials_fail_at_authentication")
class BlamesTheConnection(MemoryProbe):
    async def _sign_in(self) -> str:
        try:
            return await super()._sign_in()
        except AuthenticationFailed as error:
            raise Unreachable(error.message) from error


@noticed_by("test_a_failure_stands_on_a_rung_of_its_step")
class DeclaresOtherRungs(MemoryProbe):
    def steps(self) -> Sequence[Step]:
        return [replace(step, rungs=(Rung.FOLDER,)) for step in super().steps()]


@noticed_by("test_silence_ends_in_time", patience=0.8)
class HasNoTimeout(MemoryProbe):
    async def _connect(self) -> str:
        await self._mail.obey_faults()
        return await super()._connect()


@noticed_by("test_close_is_idempotent", fails_with=AttributeError)
class ClosesWhatIsNotThere(MemoryProbe):
    async def close(self) -> None:
        self._connection.close()  # type: ignore[union-attr]  # that is the mistake


@noticed_by("test_secrets_are_untold")
class LogsThePassword(MemoryProbe):
    async def _sign_in(self) -> str:
        logging.getLogger("memory").debug("AUTH %s", PASSWORD)
        return await super()._sign_in()


@noticed_by("test_the_endpoint_is_told")
class NamesAnEndpoint(MemoryProbe):
    def endpoint(self) -> Endpoint | None:
        return Endpoint("mail.example.test", 25)
