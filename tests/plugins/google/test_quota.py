"""Google's quota units: counted by mailbox, never waited for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailport.errors import Throttled
from mailport.host import Mailport
from mailport.message import Message
from mailport.services import Services
from mailport_google.fields import GoogleSettings
from mailport_google.quota import COSTS, Bucket, meter
from tests.peers.fake_gmail.contract import GmailContract
from tests.plugins.google.conftest import Google


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def settings(google: Google, direction: str = "outgoing", **changes: Any) -> GoogleSettings:
    made = google.account(direction, **{"quota_units_per_minute": 0} | changes).settings
    assert isinstance(made, GoogleSettings)
    return made


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 100)), max_size=60), st.integers(100, 10_000))
def test_a_bucket_gives_no_more_than_its_pace(asked: list[tuple[float, int]], per_minute: int) -> None:
    """In any stretch of time at most a full bucket and what came back is given, and the wait it names is enough."""
    clock = Clock()
    bucket = Bucket(per_minute, clock)
    given_ = 0
    for pause, units in asked:
        clock.now += pause
        wait = bucket.take(units)
        if wait:
            clock.now += wait + 1e-6
            assert bucket.take(units) == 0
        given_ += units
    assert given_ <= per_minute * (1 + clock.now / 60) + 1


# REL-03
@pytest.mark.parametrize(("project", "sends", "gets"), [("new", 60, 300), ("old", 150, 3000)])
def test_projects_have_googles_limits(google: Google, project: str, sends: int, gets: int) -> None:
    """A new project sends 60 and reads 300 mails a minute for a user, one from before May 2026 150 and 3,000."""
    for method, count in (("gmail.users.messages.send", sends), ("gmail.users.messages.get", gets)):
        tank = meter(settings(google, project_quota=project), Services(clock=Clock()))
        for _ in range(count):
            tank.take(method, "send")
        with pytest.raises(Throttled) as caught:
            tank.take(method, "send")
        assert 0 < (caught.value.retry_after or 0) <= 60


def test_both_directions_of_a_mailbox_share_the_units(google: Google) -> None:
    """Sending and receiving of one user draw from one bucket, other users and other hosts from their own."""
    services = Services(clock=Clock())
    sending, receiving = (meter(settings(google, way), services) for way in ("outgoing", "incoming"))
    for _ in range(60):
        sending.take("gmail.users.messages.send", "send")
    with pytest.raises(Throttled):
        receiving.take("gmail.users.labels.list", "read")
    meter(settings(google, user_name="other@example.test"), services).take("gmail.users.messages.send", "send")
    meter(settings(google), Services(clock=Clock())).take("gmail.users.messages.send", "send")


async def test_a_spent_quota_is_told_before_anything_is_sent(google: Google) -> None:
    """The 61st mail of a minute is Throttled, with the seconds to wait, and no request was made for it."""
    message = Message.compose(to="ann@example.org", text="x")
    async with Mailport(clock=Clock()) as host:
        account = google.account(quota_units_per_minute=300)
        for _ in range(3):
            await host.submit(message, account)
        with pytest.raises(Throttled) as caught:
            await host.submit(message, account)
    assert (caught.value.code, caught.value.retry_after) == ("send.quota", 20)
    assert google.gmail.count("send") == 3


def test_every_method_has_its_price() -> None:
    """Each priced method exists in Google's description of the API."""
    contract = GmailContract()
    known = {method["id"] for _, method, _ in contract._routes}
    assert set(COSTS) <= known
