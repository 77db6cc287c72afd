"""Which names of directories and folders are taken."""

import pytest

from mailport.account import validate
from mailport.errors import ConfigurationError
from mailport.fields import ComponentType, Direction
from mailport_maildir.fields import PROTOCOL
from mailport_maildir.wire import flags_of, folder_directory, key_of, with_flag
from tests.peers.maildir import modified_utf7


@pytest.mark.parametrize("name", ["inbox", "team/inbox", "Büro", "a b", "2026.11", "~team", "x" * 200])
def test_ordinary_names_are_taken(name: str) -> None:
    """Any relative name of ordinary parts is a directory."""
    account = validate(PROTOCOL, Direction.OUTGOING, {"directory": name, "user_name": "ann@example.test"})
    assert account.settings.model_dump()["directory"] == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../other",
        "team/../../other",
        "/var/mail",
        "//host/share",
        "team//inbox",
        "team/",
        ".hidden",
        "team/.Archive",
        "new",
        "team/cur",
        "team\\inbox",
        "..\\other",
        "C:mail",
        "in\nbox",
        "in\0box",
        "in\x85box",
        " inbox",
        "team/inbox ",
        "x" * 201,
    ],
)
def test_ways_out_are_refused(name: str) -> None:
    """A name that leads out of the root, or into the insides of another Maildir, is an error at the field."""
    with pytest.raises(ConfigurationError) as caught:
        validate(PROTOCOL, Direction.OUTGOING, {"directory": name, "user_name": "ann@example.test"})
    assert caught.value.field == "directory"


@pytest.mark.parametrize("folder", ["", "a..b", ".a", "a.", "a//b", "/a", "..", "a\nb", "a\0b", "a/ /b"])
def test_a_folder_is_a_name(folder: str) -> None:
    """A folder with an empty part or a control character is an error at the field."""
    with pytest.raises(ConfigurationError) as caught:
        validate(PROTOCOL, Direction.INCOMING, {"directory": "inbox", "user_name": "ann@example.test", "folder": folder})
    assert caught.value.field == "folder"


@pytest.mark.parametrize("component", ComponentType)
def test_both_component_types_may_use_it(component: ComponentType) -> None:
    """Nothing leaves the machine, so Basic and Advanced inboxes may use it."""
    assert PROTOCOL.options(Direction.INCOMING, component) == ("none",)


@pytest.mark.parametrize("folder", ["Archive", "Entwürfe", "台北", "A&B", "Ö+-ä", "Büro/台北/日本語"])
def test_folders_are_named_as_other_programs_name_them(folder: str) -> None:
    """A folder's directory is the one that an IMAP server over the same Maildir uses."""
    assert folder_directory(folder) == "." + ".".join(modified_utf7(part) for part in folder.split("/"))


def test_the_inbox_is_the_maildir_itself() -> None:
    """INBOX, in any case, has no directory of its own."""
    assert folder_directory("INBOX") == folder_directory("inbox") == ""


def test_flags_stand_behind_the_key() -> None:
    """A flag is added in ASCII order, the others and the key stay."""
    assert with_flag("1.M2.host:2,FR", "S") == "1.M2.host:2,FRS"
    assert with_flag("1.M2.host", "S") == "1.M2.host:2,S"
    assert key_of("1.M2.host:2,FRS") == key_of("1.M2.host") == "1.M2.host"
    assert flags_of("1.M2.host:2,FxS") == {"\\Flagged", "\\Seen"}
