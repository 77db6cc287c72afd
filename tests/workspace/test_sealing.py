"""Secrets at rest."""

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailport.errors import ConfigurationError
from mailport_workspace.sealing import KeyRing, Place, SealBroken, keys_of_file, new_key
from mailport_workspace.tenants.rotation import rotate_keys
from tests.workspace.forms import imap, smtp

RING = KeyRing.parse(new_key("one"))
PLACE = Place("tenant", "record", "password")


@given(st.text())
def test_what_is_sealed_opens_again(secret):  # SEC-01
    """Any text survives, and does not stand in what is stored."""
    sealed = RING.seal(secret, PLACE)
    assert RING.open(sealed, PLACE) == secret
    assert sealed.startswith("v1.one.")


def test_equal_secrets_look_different():  # SEC-01
    """A nonce of its own each time hides that two rows have one password."""
    assert RING.seal("same", PLACE) != RING.seal("same", PLACE)


@pytest.mark.parametrize(
    "other", [Place("other", "record", "password"), Place("tenant", "other", "password"), Place("tenant", "record", "other")]
)
def test_a_secret_opens_in_its_place_only(other):  # SEC-01
    """Copied to another tenant, record or field it stays shut."""
    sealed = RING.seal("secret", PLACE)
    with pytest.raises(SealBroken) as caught:
        RING.open(sealed, other)
    assert sealed.rpartition(".")[2] not in str(caught.value)


@pytest.mark.parametrize("stored", ["", "plain", "v1.one", "v2.one.AAAA", "v1.one.!!", "v1.one.AAAA", "v1.gone.AAAA"])
def test_what_is_not_sealed_is_no_secret(stored):  # SEC-01
    """Damaged text is an error that names the field, never a password."""
    with pytest.raises(SealBroken) as caught:
        RING.open(stored, PLACE)
    assert caught.value.field == "password"


def test_two_places_never_look_alike():  # SEC-01
    """A bar in a part is refused, because it separates the parts."""
    with pytest.raises(ValueError, match="bar"):
        RING.seal("secret", Place("a|b", "c", "d"))


BAD_RINGS = ["", "one", "one:AAAA", ":" + new_key().partition(":")[2], f"{new_key('a')},{new_key('a')}"]


@pytest.mark.parametrize("text", BAD_RINGS, ids=["empty", "no key", "short key", "no name", "same name twice"])
def test_a_bad_key_ring_is_refused(text):
    """The error names the setting and repeats no key."""
    with pytest.raises(ConfigurationError) as caught:
        KeyRing.parse(text)
    assert caught.value.field == "keys"
    assert text.partition(":")[2] == "" or text.partition(":")[2] not in str(caught.value)


def test_the_key_file_is_made_once_and_only_its_owner_reads_it(tmp_path):
    """A second start reads the key of the first; no draft is left behind."""
    path = tmp_path / "keys"
    first = keys_of_file(path, create=True)
    assert keys_of_file(path, create=True).keys == first.keys
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_key_file_is_an_error(tmp_path):
    """Nothing is made where other servers share the database: they would not have the key."""
    with pytest.raises(ConfigurationError) as caught:
        keys_of_file(tmp_path / "keys")
    assert caught.value.field == "key_file"


async def test_secrets_are_nowhere_in_the_database(world, database):  # SEC-01, CFG-07
    """Planted in every place that takes a secret, saved twice, they are not in a dump, and other values are."""
    canaries = [
        smtp(host="planted.example.test"),
        smtp(host="planted.example.test"),
        smtp(authentication="none"),
        imap(),
        imap(),
    ]
    for form in canaries[:3]:
        await world.configurations.save(world.one, form)
    made = await world.inboxes.create(world.one, canaries[3])
    await world.inboxes.save(world.one, made, canaries[4])
    dump = database.dump()
    assert b"planted.example.test" in dump
    assert [form for form in canaries if form["password"].encode() in dump] == []


async def test_keys_rotate_while_the_service_runs(world, store):  # SEC-01
    """Old secrets open before, during and after; in the end the old key is needed no more."""
    old, new = new_key("old"), new_key("new")
    world.configurations._ring = world.inboxes._ring = KeyRing.parse(old)
    await world.configurations.save(world.one, form := smtp())
    inboxes = [await world.inboxes.create(actor, imap()) for actor in (world.one, world.two)]
    both = world.configurations._ring = world.inboxes._ring = KeyRing.parse(f"{new},{old}")
    assert (await world.configurations.account(world.one.tenant)).settings.password.get_secret_value() == form["password"]
    assert await rotate_keys(store, both, batch=1) == 3
    assert await rotate_keys(store, both, batch=1) == 0
    world.configurations._ring = world.inboxes._ring = KeyRing.parse(new)
    assert (await world.configurations.account(world.one.tenant)).settings.password.get_secret_value() == form["password"]
    assert await world.inboxes.account(world.two.tenant, inboxes[1])


async def test_rotation_stops_at_a_secret_that_it_cannot_open(world, store):  # SEC-01
    """Nothing is overwritten that nobody could bring back."""
    await world.configurations.save(world.one, smtp())
    with pytest.raises(SealBroken):
        await rotate_keys(store, KeyRing.parse(new_key("other")))
    assert await world.configurations.account(world.one.tenant)
