"""Limits on what strangers may try."""

from datetime import timedelta

import pytest

from mailport.errors import Throttled
from mailport_workspace.access.gates import Gates, Limit
from mailport_workspace.tables import now


async def test_a_clock_that_is_put_back_shuts_nobody_out(store):
    """Tries that were counted in the future shut nobody out until then; the limit goes on as it is."""
    limit, start, ahead = Limit(name="sign-in", burst=3, period=timedelta(seconds=10)), now(), timedelta(hours=2)
    gates = Gates(store, clock=lambda: start + ahead)
    for _ in range(3):
        await gates.enter((limit, "ann"))
    ahead = timedelta()
    for _ in range(3):
        await gates.enter((limit, "ann"))
    with pytest.raises(Throttled):
        await gates.enter((limit, "ann"))
