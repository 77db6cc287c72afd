"""How the scripted IMAP server decides which messages a SEARCH finds; all keys must match."""

from collections.abc import Callable, Iterator
from datetime import date, datetime

from tests.peers.imap_store import Folder, ImapMail
from tests.peers.session import Refusal

Test = Callable[[ImapMail], bool]
Words = Iterator[str]


def search(folder: Folder, words: list[str]) -> list[tuple[int, ImapMail]]:
    """Sequence numbers and messages that match."""
    source = iter(words[2:] if words[:1] == ["CHARSET"] else words)
    tests = [_test(folder, word, source) for word in source]
    return [(number, mail) for number, mail in enumerate(folder.mails, 1) if all(test(mail) for test in tests)]


def _test(folder: Folder, word: str, words: Words) -> Test:
    key = word.upper()
    if key in _FLAGS:
        return _flag(_FLAGS[key])
    if key in _KEYS:
        return _KEYS[key](folder, words)
    if key.startswith("UN"):
        return _negation(_test(folder, key[2:], words))
    if key[0].isdigit() or key[0] == "*":
        return _among(folder, key, by_uid=False)
    raise Refusal(f"BAD unknown search key {key}")


def _flag(flag: str) -> Test:
    return lambda mail: flag in mail.flags


def _negation(test: Test) -> Test:
    return lambda mail: not test(mail)


def _among(folder: Folder, message_set: str, *, by_uid: bool) -> Test:
    uids = {mail.uid for _, mail in folder.numbered(message_set, by_uid=by_uid)}
    return lambda mail: mail.uid in uids


def _header(name: str, part: str) -> Test:
    return lambda mail: part.lower() in mail.field(name).lower()


def _since(day: date) -> Test:
    return lambda mail: mail.internal_date.date() >= day


def _day(words: Words) -> date:
    return datetime.strptime(next(words, ""), "%d-%b-%Y").date()


_FLAGS = {"SEEN": "\\Seen", "DELETED": "\\Deleted", "FLAGGED": "\\Flagged", "ANSWERED": "\\Answered", "DRAFT": "\\Draft"}
_KEYS: dict[str, Callable[[Folder, Words], Test]] = {
    "ALL": lambda _, __: lambda mail: True,
    "UID": lambda folder, words: _among(folder, next(words, ""), by_uid=True),
    "NOT": lambda folder, words: _negation(_test(folder, next(words, ""), words)),
    "KEYWORD": lambda _, words: _flag(next(words, "")),
    "HEADER": lambda _, words: _header(next(words, ""), next(words, "")),
    "SUBJECT": lambda _, words: _header("Subject", next(words, "")),
    "SINCE": lambda _, words: _since(_day(words)),
    "BEFORE": lambda _, words: _negation(_since(_day(words))),
}
