"""What stands for time and for the engine in tests of single rooms."""

from datetime import timedelta

from mailport_workspace.tables import now


class Clock:
    """The present moment, moved forward by tests."""

    def __init__(self):
        self.ahead = timedelta()
        self.standing = None

    def __call__(self):
        return (self.standing or now()) + self.ahead

    def stop(self):
        """Move by `forward` only: however busy the machine is, a moment is to the second."""
        self.standing = now()

    def forward(self, **by):
        self.ahead += timedelta(**by)


class Nudges:
    """An engine that only remembers what was asked for."""

    def __init__(self):
        self.asked = []

    async def enqueue(self, kind, key):
        self.asked.append((kind, key))
        return True
