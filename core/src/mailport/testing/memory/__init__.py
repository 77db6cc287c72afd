"""A complete protocol in memory: a mail system to look at from the side, and the plugin that talks to it.

Its files have the names of any transport's files; who writes one can begin by reading these.
"""

from mailport.testing.memory.faults import Faults, Gate
from mailport.testing.memory.mailbox import Mailbox, StoredMail
from mailport.testing.memory.plugin import MemoryPlugin
from mailport.testing.memory.server import MemoryMail
from mailport.testing.memory.transfer import Reply

__all__ = ["Faults", "Gate", "Mailbox", "MemoryMail", "MemoryPlugin", "Reply", "StoredMail"]
