"""Who signs in."""

import asyncio
import secrets

import pytest
from argon2 import PasswordHasher

from mailport.errors import AuthenticationFailed, ConfigurationError, PermissionDenied
from mailport_workspace.tables import Role
from tests.workspace.forms import agent


@pytest.fixture
def password():
    """A password of this test's own."""
    return secrets.token_urlsafe(16)


@pytest.fixture
async def ann(world, password):
    """The id of an administrator of tenant one."""
    return await world.users.create(world.one, email="Ann@Example.test", name="Ann", role=Role.ADMINISTRATOR, password=password)


async def test_a_user_signs_in_and_acts(world, ann, password):
    """The address is compared without case; what comes back is an actor of the tenant."""
    actor = await world.users.sign_in(world.one.tenant, " ANN@example.test", password)
    assert (actor.tenant, actor.user, actor.role, actor.operates) == (world.one.tenant, ann, Role.ADMINISTRATOR, False)


@pytest.mark.parametrize(
    ("email", "tenant"), [("ann@example.test", "one"), ("bob@example.test", "one"), ("ann@example.test", "two")]
)
async def test_every_refusal_sounds_the_same(world, ann, password, email, tenant):
    """A wrong password, an unknown user and another tenant cannot be told apart."""
    given = password if (email, tenant) != ("ann@example.test", "one") else "wrong" + password
    with pytest.raises(AuthenticationFailed) as caught:
        await world.users.sign_in(getattr(world, tenant).tenant, email, given)
    assert str(caught.value) == "E-mail address or password is wrong."


async def test_passwords_are_hashed_with_argon2(world, ann, password):  # SEC-06
    """Neither the list nor the row holds the password."""
    async with world.store.read(world.one.tenant) as rows:
        stored = (await rows.user(ann)).password_hash
    assert stored.startswith("$argon2id$")
    assert password not in stored
    assert "$argon2" not in str(await world.users.list(world.one))


async def test_a_weaker_hash_is_renewed_at_sign_in(world, ann, password):  # SEC-06
    """Users move to today's parameters without noticing."""
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)
    async with world.store.write(world.one.tenant) as rows:
        (await rows.user(ann)).password_hash = weak
    await world.users.sign_in(world.one.tenant, "ann@example.test", password)
    async with world.store.read(world.one.tenant) as rows:
        assert (await rows.user(ann)).password_hash != weak
    assert await world.users.sign_in(world.one.tenant, "ann@example.test", password)


async def test_who_was_shut_out_does_not_sign_in(world, ann, password):
    """And the last administrator cannot be shut out, nor become an agent."""
    for change in ({"active": False}, {"role": Role.AGENT}):
        with pytest.raises(ConfigurationError) as caught:
            await world.users.change(world.one, ann, **change)
        assert caught.value.code == "settings.last_administrator"
    await world.users.create(world.one, email="bob@example.test", name="Bob", role=Role.ADMINISTRATOR, password=password)
    await world.users.change(world.one, ann, active=False)
    with pytest.raises(AuthenticationFailed):
        await world.users.sign_in(world.one.tenant, "ann@example.test", password)


async def _at_once(*works):
    """Begin all of them in one moment; return what they raised."""
    return [one for one in await asyncio.gather(*works, return_exceptions=True) if one is not None]


@pytest.mark.parametrize("change", [{"role": Role.AGENT}, {"active": False}])
async def test_of_two_administrators_one_stays(world, ann, password, change):
    """Who demote or shut out each other in the same moment do not both succeed."""
    bob = await world.users.create(world.one, email="bob@example.test", name="Bob", role=Role.ADMINISTRATOR, password=password)
    for _ in range(10):
        (refused,) = await _at_once(*(world.users.change(world.one, user, **change) for user in (ann, bob)))
        assert refused.code == "settings.last_administrator"
        for user in (ann, bob):
            await world.users.change(world.one, user, role=Role.ADMINISTRATOR, active=True)


async def test_of_two_administrators_whom_their_provider_demotes_one_stays(world, ann, password):
    """Also when both sign in at the same moment."""
    people = [("ann@example.test", "Ann"), ("bob@example.test", "Bob")]
    await world.users.create(world.one, email="bob@example.test", name="Bob", role=Role.ADMINISTRATOR, password=password)
    known = world.users.known
    for _ in range(10):
        signed_in = [known(world.one.tenant, email=email, name=name, role=Role.AGENT) for email, name in people]
        assert sorted(actor.role for actor in await asyncio.gather(*signed_in)) == [Role.ADMINISTRATOR, Role.AGENT]
        for email, name in people:
            await known(world.one.tenant, email=email, name=name, role=Role.ADMINISTRATOR)


async def test_agents_manage_nobody_but_themselves(world, ann, password):  # CFG-03
    """They set their own password and no other."""
    user = await world.users.create(world.one, email="bob@example.test", name="Bob", role=Role.AGENT, password=password)
    bob = await world.users.sign_in(world.one.tenant, "bob@example.test", password)
    await world.users.set_password(bob, user, fresh := secrets.token_urlsafe(16))
    assert await world.users.sign_in(world.one.tenant, "bob@example.test", fresh)
    for work in (
        world.users.set_password(bob, ann, fresh),
        world.users.list(bob),
        world.users.change(bob, user, role=Role.ADMINISTRATOR),
        world.users.create(agent(world.one), email="c@example.test", name="C", role=Role.AGENT, password=password),
    ):
        with pytest.raises(PermissionDenied):
            await work


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"password": "short"}, "password"),
        ({"name": "a\0"}, "name"),
        ({"password": "\ud800" * 20}, "password"),
        ({"password": "x" * 2000}, "password"),
    ],
)
async def test_bad_input_names_its_field(world, password, wrong, field):
    """Nothing is stored."""
    form = {"email": "ann@example.test", "name": "Ann", "role": Role.AGENT, "password": password} | wrong
    with pytest.raises(ConfigurationError) as caught:
        await world.users.create(world.one, **form)
    assert caught.value.field == field
    assert await world.users.list(world.one) == []


async def test_an_address_is_one_user_of_a_tenant(world, ann, password):
    """Another tenant may have the same address; changes are in the audit history."""
    with pytest.raises(ConfigurationError) as caught:
        await world.users.create(world.one, email="ann@example.test", name="Ann", role=Role.AGENT, password=password)
    assert caught.value.field == "email"
    assert await world.users.create(world.two, email="ann@example.test", name="Ann", role=Role.AGENT, password=password)
    async with world.store.read(world.one.tenant) as rows:
        assert "role" in {entry.field for entry in await rows.audit() if entry.subject == "user ann@example.test"}


@pytest.mark.parametrize("odd", ["\ud800", "a\0b", "", "x" * 5000])
async def test_odd_characters_sign_nobody_in(world, ann, password, odd):
    """They are one more wrong address or password, on each database."""
    for email, given in ((odd, password), ("ann@example.test", odd), (odd, odd)):
        with pytest.raises(AuthenticationFailed):
            await world.users.sign_in(world.one.tenant, email, given)
