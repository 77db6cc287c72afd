"""A mistake planted in the memory protocol."""

from collections.abc import Callable
from typing import Any, TypeVar

from mailport.account import Account
from mailport.fields import Capabilities
from mailport.services import Services
from mailport.testing.conformance import Feature
from mailport.testing.memory import MemoryMail, MemoryPlugin
from mailport.testing.memory.fields import EVERYTHING
from mailport.testing.memory.harness import MemoryHarness
from mailport.testing.memory.probe import MemoryProbe
from mailport.testing.memory.receiver import MemoryReceiver
from mailport.testing.memory.sender import MemorySender

Broken = TypeVar("Broken", bound=type)


class Breakage:
    """One broken class. `fails_with` is how the case ends; `arguments` are the parameters it is called with."""

    def __init__(
        self,
        *,
        sender: type[MemorySender] = MemorySender,
        receiver: type[MemoryReceiver] = MemoryReceiver,
        probe: type[MemoryProbe] = MemoryProbe,
        capabilities: Capabilities = EVERYTHING,
        without: Feature | None = None,
        patience: float = 2.0,
        fails_with: type[BaseException] = AssertionError,
        **arguments: Any,
    ) -> None:
        self.sender = sender
        self.receiver = receiver
        self.probe = probe
        self.capabilities = capabilities
        self.without = without
        self.patience = patience
        self.fails_with = fails_with
        self.arguments = arguments

    def harness(self) -> MemoryHarness:
        """A harness over the broken protocol."""
        harness = self.whole_harness()
        harness.plugin = BrokenPlugin(harness.mail, self)
        if self.without:
            harness.supports = harness.supports - {self.without}
        return harness

    def whole_harness(self) -> MemoryHarness:
        """The same without the mistake."""
        harness = MemoryHarness(self.capabilities)
        harness.patience = self.patience
        return harness


class Breakages(dict[str, Breakage]):
    """The breakages of one kind of class (`sender`, `receiver`, `probe`), by the case that must notice them."""

    def __init__(self, kind: str, **arguments: Any) -> None:
        super().__init__()
        self._kind = kind
        self._arguments = arguments

    def noticed_by(self, *cases: str, **more: Any) -> Callable[[Broken], Broken]:
        """Say which cases notice the mistake of a class."""

        def enter(broken: Broken) -> Broken:
            arguments: dict[str, Any] = {self._kind: broken, **self._arguments, **more}
            self.update({case: Breakage(**arguments) for case in cases})
            return broken

        return enter


class BrokenPlugin(MemoryPlugin):
    """Makes the broken classes."""

    def __init__(self, mail: MemoryMail, breakage: Breakage) -> None:
        super().__init__(mail, breakage.capabilities)
        self.breakage = breakage

    def mailport_send(self, account: Account, services: Services) -> MemorySender:
        return self.breakage.sender(account, self.mail, self.protocol.capabilities)

    def mailport_receive(self, account: Account, services: Services) -> MemoryReceiver:
        return self.breakage.receiver(account, self.mail, self.protocol.capabilities)

    def mailport_test_connection(self, account: Account, services: Services) -> MemoryProbe:
        return self.breakage.probe(account, self.mail)
