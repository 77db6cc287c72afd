"""The records that the workspace keeps itself."""

import asyncio

import pytest

from mailport_workspace.records.embedded import EmbeddedRecords


@pytest.fixture
def records(store):
    return EmbeddedRecords(store)


async def settled(_rows):
    """Write nothing more."""


async def create(records, tenant, key, **fields):
    async with records.work(tenant) as work:
        view = await work.create("incident", {"subject": "Printer", **fields}, key=key)
        await work.settle(settled)
    return view


async def test_a_record_counts_only_once_its_work_is_settled(records, world):
    """Work that ends without `settle` leaves nothing, and its number is given again."""
    tenant = world.one.tenant
    async with records.work(tenant) as work:
        lost = await work.create("incident", {"subject": "Lost"}, key="a")
    kept = await create(records, tenant, "b")
    async with records.work(tenant) as work:
        assert await work.get("incident", lost.id) is None
        assert (await work.find("incident", kept.number.lower())) == kept
    assert lost.number == kept.number


async def test_works_at_once_give_every_number_once_and_leave_no_gap(records, world):
    """Twenty records made at once have the numbers 1 to 20."""
    made = await asyncio.gather(*(create(records, world.one.tenant, f"k{n}") for n in range(20)))
    assert sorted(view.number for view in made) == [f"INC{n:06d}" for n in range(1, 21)]


async def test_the_same_key_at_once_makes_one_record(records, world):
    """Work that is done twice at the same moment makes one record, and leaves no gap in the numbers."""
    made = await asyncio.gather(*(create(records, world.one.tenant, "same") for _ in range(8)))
    assert len({view.id for view in made}) == 1
    assert (await create(records, world.one.tenant, "other")).number == "INC000002"
