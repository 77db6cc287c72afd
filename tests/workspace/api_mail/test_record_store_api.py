"""The key of a record store elsewhere, over the API."""

import pytest

from mailport.errors import ConfigurationError


@pytest.fixture
async def key(ann):
    """The key that an administrator made."""
    answer = await ann.post("/record-store/key")
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    return answer.json()["signing_key"]


async def test_the_key_is_shown_once_to_an_administrator(ann, bob, key):
    """Each renewal gives another one, and no list repeats it."""
    assert key.startswith("whsec_")
    assert (await ann.post("/record-store/key")).json()["signing_key"] != key
    assert key not in (await ann.get("/audit")).text
    assert (await bob.post("/record-store/key")).status_code == 403


async def test_with_address_and_key_the_records_live_there(ann, workspace, people, key):
    """The pages for records say so, and processing calls the other system."""
    options = {"record_store": "webhook", "record_store_url": "https://10.0.0.1/records"}
    assert (await ann.patch("/configuration/options", json=options)).status_code == 200
    assert (await ann.get("/records")).json()["code"] == "record.elsewhere"
    with pytest.raises(ConfigurationError, match="may not be reached"):
        async with workspace.records.work(people.one) as work:
            await work.kinds()
