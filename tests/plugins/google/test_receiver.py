"""Receiving beyond the conformance kit."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mailport.errors import MailportError, NotFound, Throttled, TimedOut, Unreachable
from mailport.message import Message
from mailport.services import Services
from mailport.testing.messages import incoming
from mailport.transport import Acknowledgement, Action, Cursor, Delivery
from mailport_google.receiver import GoogleReceiver
from tests.peers.fake_gmail import Fault, failure, refusal
from tests.plugins.google.conftest import Google


@asynccontextmanager
async def opened(google: Google, **changes: Any) -> AsyncIterator[GoogleReceiver]:
    async with GoogleReceiver(google.account("incoming", **changes), Services()) as receiver:
        yield receiver


async def listed(google: Google, cursor: Cursor = None, limit: int | None = None, **changes: Any) -> tuple[list[str], Cursor]:
    """The subjects that one round lists, and its cursor."""
    async with opened(google, **changes) as receiver, receiver.fetch(cursor, limit) as deliveries:
        subjects = [(await delivery.message()).subject async for delivery in deliveries]
        return subjects, deliveries.cursor


async def acknowledged(google: Google, action: str, keys: Sequence[str] = (), **changes: Any) -> Sequence[Acknowledgement]:
    async with opened(google, **changes) as receiver:
        chosen = keys or tuple(google.mailbox.messages)
        return await receiver.acknowledge([Delivery(key=key, load=_nothing) for key in chosen], Action.parse(action))


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


def fill(google: Google, *subjects: str, labels: Sequence[str] = ("INBOX", "UNREAD")) -> list[str]:
    """Put messages into the mailbox, a second apart."""
    start = 1_700_000_000_000 + 1000 * len(google.mailbox.messages)
    return [google.mailbox.add(incoming(subject), *labels, date=start + 1000 * n).key for n, subject in enumerate(subjects)]


NAMES = [f"No. {n}" for n in range(7)]


# Lists and history


async def test_lists_and_history_come_in_pages(google: Google) -> None:
    """Every page is read, of the list as of the history, and the oldest message comes first."""
    google.gmail.page_size = 3
    fill(google, *NAMES)
    subjects, cursor = await listed(google)
    assert subjects == NAMES
    fill(google, *(f"Later {name}" for name in NAMES))
    assert (await listed(google, cursor))[0] == [f"Later {name}" for name in NAMES]
    assert google.gmail.count("history.list") > 2


async def test_history_brings_what_was_moved_in(google: Google) -> None:
    """A message that somebody puts back into the label is news as well."""
    [key] = fill(google, "Archived", labels=("UNREAD",))
    _, cursor = await listed(google)
    google.mailbox.change([key], ["INBOX"], [])
    assert (await listed(google, cursor))[0] == ["Archived"]


async def test_what_left_the_label_meanwhile_is_passed_over(google: Google) -> None:
    """News that somebody moved, deleted or trashed before we came is not delivered, and hides no other."""
    _, cursor = await listed(google)
    moved, gone, trashed, _ = fill(google, "Moved", "Gone", "Trashed", "Stays")
    google.mailbox.change([moved], [], ["INBOX"])
    google.mailbox.remove(gone)
    google.mailbox.change([trashed], ["TRASH"], [])
    subjects, cursor = await listed(google, cursor)
    assert subjects == ["Stays"]
    assert (await listed(google, cursor))[0] == []


async def test_a_lost_history_means_a_full_sync(google: Google) -> None:
    """404 at the history is ``read.cursor``: the host reads from the beginning, and each key is the one it knows."""
    keys = fill(google, *NAMES)
    _, cursor = await listed(google)
    google.mailbox.forget_history()
    with pytest.raises(NotFound) as caught:
        await listed(google, cursor)
    assert caught.value.code == "read.cursor"
    async with opened(google) as receiver, receiver.fetch(None) as deliveries:
        assert [delivery.key async for delivery in deliveries] == keys


async def test_limited_rounds_go_on_after_messages_were_moved_away(google: Google) -> None:
    """A first reading in small rounds, each moving its messages to another label, reads all and none twice."""
    fill(google, *NAMES)
    seen: list[str] = []
    cursor: Cursor = None
    for _ in range(5):
        async with opened(google) as receiver, receiver.fetch(cursor, 2) as deliveries:
            batch = [delivery async for delivery in deliveries]
            seen += [(await delivery.message()).subject for delivery in batch]
            await receiver.acknowledge(batch, Action.parse("move:Archive"))
            cursor = deliveries.cursor
    assert seen == NAMES


async def test_limited_rounds_go_on_by_date(google: Google) -> None:
    """Where the message before the place is gone and older ones stayed, its date tells where to go on."""
    keys = fill(google, *NAMES)
    _, cursor = await listed(google, limit=4)
    google.mailbox.remove(keys[3])
    assert (await listed(google, cursor))[0] == NAMES[4:]


async def test_what_comes_during_a_long_reading_is_not_missed(google: Google) -> None:
    """Mail that comes between two rounds of a first reading is delivered, by the list or by the history."""
    fill(google, *NAMES)
    seen, cursor = await listed(google, limit=4)
    fill(google, "Meanwhile")
    old = google.mailbox.add(incoming("Imported"), "INBOX", date=1_600_000_000_000)
    assert old.key
    for _ in range(3):
        subjects, cursor = await listed(google, cursor, limit=4)
        seen += subjects
    assert {*NAMES, "Meanwhile", "Imported"} <= set(seen)


async def test_many_changes_in_one_record_fit_small_rounds(google: Google) -> None:
    """History in rounds smaller than what one record brings still moves on."""
    _, cursor = await listed(google)
    fill(google, *NAMES)
    seen: list[str] = []
    for _ in range(8):
        subjects, cursor = await listed(google, cursor, limit=1)
        seen += subjects
    assert seen == NAMES


async def test_a_cursor_is_of_one_mailbox_and_label(google: Google) -> None:
    """A cursor of another label or user is not known: what lies there was never read."""
    fill(google, *NAMES)
    _, cursor = await listed(google)
    assert isinstance(cursor, dict)
    for foreign in (cursor | {"label": "SENT"}, cursor | {"user": "other@example.test"}, cursor | {"history": "x"}):
        with pytest.raises(NotFound) as caught:
            await listed(google, foreign)
        assert caught.value.code == "read.cursor"


async def test_facts_are_gmails(google: Google) -> None:
    """Size, time and flags come with the listing, before any message is loaded."""
    [key] = fill(google, "Facts", labels=("INBOX", "STARRED"))
    async with opened(google) as receiver, receiver.fetch(None) as deliveries:
        [delivery] = [delivery async for delivery in deliveries]
    assert delivery.size == len(google.mailbox.messages[key].raw)
    assert delivery.received_at is not None
    assert delivery.received_at.timestamp() == 1_700_000_000
    assert delivery.flags == {"\\Seen", "\\Flagged"}


async def test_a_scarce_quota_is_kept_for_reading(google: Google) -> None:
    """Below half of the quota messages are listed without facts, so that listing does not use up what reading needs."""
    fill(google, *NAMES)
    scarce = {"quota_units_per_minute": 200, "parallel_requests": 1}
    async with opened(google, **scarce) as receiver, receiver.fetch(None) as deliveries:
        sizes = [delivery.size async for delivery in deliveries]
    assert len(sizes) == 7
    assert sizes[0] is not None
    assert sizes[-1] is None


# Labels


async def test_labels_are_folders(google: Google) -> None:
    """A nested label is read by its name, without regard to case; one that is missing is told at its field."""
    google.mailbox.labels["Label_7"] = "Support/Second Level"
    fill(google, "Deep", labels=("Label_7",))
    assert (await listed(google, folder="support/second level"))[0] == ["Deep"]
    with pytest.raises(NotFound) as caught:
        await listed(google, folder="Nowhere")
    assert (caught.value.code, caught.value.field) == ("folder.missing", "folder")


async def test_a_label_that_another_one_creates_at_once_is_used(google: Google) -> None:
    """Two receivers that need a missing label use the same one."""
    fill(google, *NAMES)
    keys = tuple(google.mailbox.messages)
    answers = await asyncio.gather(*(acknowledged(google, "move:Archive", keys[n::2]) for n in (0, 1)))
    assert all(answer.done and answer.new_key == answer.key for part in answers for answer in part)
    assert list(google.mailbox.labels.values()).count("Archive") == 1
    label = google.mailbox.label_id("Archive")
    assert all(stored.labels == {"UNREAD", label} for stored in google.mailbox.messages.values())


async def test_marking_thousands_takes_few_requests(google: Google) -> None:
    """2,500 messages are marked with three requests, for 50 quota units each."""
    for _ in range(2500):
        google.mailbox.add(b"Subject: x\r\n\r\n", "INBOX", "UNREAD")
    assert all(answer.done for answer in await acknowledged(google, "read"))
    assert google.gmail.count("batchModify") == 3
    assert not any("UNREAD" in stored.labels for stored in google.mailbox.messages.values())


async def test_one_that_is_gone_spoils_no_batch(google: Google) -> None:
    """Where Gmail refuses a batch because one message is gone, the others are changed one by one, and it counts as done."""
    google.gmail.refuses_batches = True
    keys = [*fill(google, *NAMES), "18c0ffee"]
    assert [answer.done for answer in await acknowledged(google, "read", keys)] == [True] * 8
    assert not any("UNREAD" in stored.labels for stored in google.mailbox.messages.values())


async def test_deleting_is_the_trash(google: Google) -> None:
    """DELETE puts into the trash, which needs no right to delete for good; what is gone counts as done."""
    keys = [*fill(google, "One", "Two"), "18c0ffee"]
    assert [answer.done for answer in await acknowledged(google, "delete", keys)] == [True, True, True]
    assert all(stored.labels >= {"TRASH"} for stored in google.mailbox.messages.values())


async def test_a_failing_action_is_told_per_message(google: Google) -> None:
    """A failure is in the acknowledgements of the messages it concerns, and the others are done."""
    keys = fill(google, *NAMES)
    google.gmail.faults.append(refusal(429, "rateLimitExceeded", "Slow", where="trash", times=3, headers={"Retry-After": "5"}))
    answers = await acknowledged(google, "delete", keys)
    failed = [answer for answer in answers if not answer.done]
    assert len(failed) == 3
    assert all(isinstance(answer.error, Throttled) and answer.error.retry_after == 5 for answer in failed)


# Failures


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (failure(500), Unreachable, "read.unavailable"),
        (failure(503, headers={"Retry-After": "9"}), Throttled, "read.throttled"),
        (Fault(cut="before"), Unreachable, "read.cut"),
        (Fault(cut="after"), Unreachable, "read.cut"),
        (Fault(truncate=9), Unreachable, "read.cut"),
        (Fault(garble=True), Unreachable, "read.malformed"),
        (Fault(status=302, headers={"Location": "https://elsewhere.example.test/"}), MailportError, "read.refused"),
    ],
)
async def test_a_failure_while_reading(google: Google, fault: Fault, kind: type[MailportError], code: str) -> None:
    """Each failure of a message's reading has its class and code; a redirect is not followed."""
    fill(google, "One")
    async with opened(google) as receiver, receiver.fetch(None) as deliveries:
        [delivery] = [delivery async for delivery in deliveries]
        fault.where = "messages.get"
        google.gmail.faults.append(fault)
        with pytest.raises(kind) as caught:
            await delivery.read()
        assert caught.value.code == code
        assert Message.read(await delivery.read()).subject == "One", "the next request works"


async def test_a_slow_answer_times_out(google: Google) -> None:
    """A server that stays silent is TimedOut, at the account's own timeout."""
    google.gmail.faults.append(Fault(where="labels.list", delay=30))
    account = google.account("incoming")
    object.__setattr__(account, "rules", google.account("outgoing", send_mail_timeout=1).rules)
    with pytest.raises(TimedOut):
        async with GoogleReceiver(account, Services()) as receiver, receiver.fetch(None):
            pass


async def test_a_round_that_is_left_early_leaves_nothing_running(google: Google) -> None:
    """Facts that were asked for ahead are given up when the consumer leaves."""
    fill(google, *NAMES)
    async with opened(google) as receiver, receiver.fetch(None) as deliveries:
        async for _ in deliveries:
            break
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert not others
