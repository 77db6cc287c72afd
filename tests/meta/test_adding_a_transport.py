"""The example of ADDING_A_TRANSPORT.md is one to begin from: it keeps the rules that the page is about."""

import importlib
import sys

import pytest

from mailport import ConfigurationError, Direction, Mailport, Message
from mailport.testing.conformance import Declared, FieldsConformance
from tests.meta.test_docs import BLOCK, ROOT

DESK = "desk@example.org"
VALUES = {"protocol": "spool", "folder": "out", "user_name": DESK}


@pytest.fixture
def page(tmp_path, monkeypatch):
    """The example as the module of a package."""
    source = next(match[2] for match in BLOCK.finditer((ROOT / "ADDING_A_TRANSPORT.md").read_text()) if match[1] == "python")
    code = source.partition("async def main()")[0] + "\nmailport_fields = SpoolPlugin().mailport_fields\n"
    (tmp_path / "spool_of_the_page.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("spool_of_the_page")
    del sys.modules["spool_of_the_page"]


@pytest.fixture
async def spool(page, tmp_path):
    """A host with the example, and the folder it may use."""
    (tmp_path / "root" / "out").mkdir(parents=True)
    async with Mailport(plugins=[page.SpoolPlugin()], local_root=tmp_path / "root", discover=False) as mail:
        yield mail


class TestFieldsOfThePage(FieldsConformance):
    """Its settings are held to the contract."""

    @pytest.fixture
    def declared(self, page):
        return Declared(module=page.__name__, samples=(("spool", Direction.OUTGOING, VALUES),))


@pytest.mark.parametrize("message_id", ["<../../x>", "</tmp/x>", "<>", "<a\\b:c>", "<same@example.org>"])
async def test_a_hostile_message_id_is_no_path_and_loses_no_mail(spool, tmp_path, message_id):
    """Whatever a Message-ID says, each mail is a file of its own in the folder."""
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    message = Message.compose(sender=DESK, to="ann@example.org", text="Hi", message_id=message_id)
    for _ in range(2):
        await spool.submit(message, spool.account(VALUES))
    written = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert [path.parent for path in written] == [tmp_path / "root" / "out"] * 2


@pytest.mark.parametrize("folder", ["", ".", "..", "../out", "/tmp", "a/b", "out\n"])
def test_a_folder_elsewhere_is_refused_at_its_field(spool, folder):
    """A form cannot name what the operator did not set aside."""
    with pytest.raises(ConfigurationError) as caught:
        spool.account(VALUES | {"folder": folder})
    assert (caught.value.field, caught.value.remedy) == ("folder", "Enter it as in “outgoing”.")


async def test_without_a_folder_set_aside_nothing_is_opened(page):
    """The working directory of a server is no place for mail."""
    async with Mailport(plugins=[page.SpoolPlugin()], discover=False) as mail:
        report = await mail.test_connection(mail.account(VALUES))
    assert report.cause.code == "settings.local_root"
