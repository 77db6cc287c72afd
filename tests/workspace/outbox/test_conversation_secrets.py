"""What signs the conversation ids of a tenant."""

from mailport.policies.conversation_ids import is_ours, new_conversation_id
from mailport_workspace.tenants.conversation_secrets import conversation_secrets, signing_secret


async def test_a_secret_is_made_once_and_sealed(world, database):
    """The first id needs a secret, later ones have the same; each tenant has its own, and no dump shows it."""
    made = []
    for actor in (world.one, world.one, world.two):
        async with world.store.write(actor.tenant) as rows:
            made.append(await signing_secret(rows, world.ring))
    assert made[0] == made[1] != made[2]
    await world.store.close()
    assert made[0] not in database.dump()


async def test_ids_are_recognised_by_the_tenant_only(world):
    """An id is ours where its tenant looks, and a stranger's elsewhere; a tenant that issued none knows none."""
    async with world.store.write(world.one.tenant) as rows:
        issued = new_conversation_id(await signing_secret(rows, world.ring), "INC1001")
        assert is_ours(issued, await conversation_secrets(rows, world.ring))
    async with world.store.read(world.two.tenant) as rows:
        assert await conversation_secrets(rows, world.ring) == ()
