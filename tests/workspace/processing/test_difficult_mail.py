"""Mail that is hard to read, or made to do harm: it ends in a verdict, never in an error."""

import pytest

from mailport.testing.messages import COMPOSED, ORIGINALS
from mailport_workspace.tables import Outcome
from tests.corpus import cases
from tests.corpus.bombs import BOMBS
from tests.workspace.processing.conftest import ANN, DESK

ENDS = {Outcome.CREATED, Outcome.IGNORED, Outcome.QUARANTINED, Outcome.BOUNCED, Outcome.DUPLICATE, Outcome.ATTACHED}


@pytest.fixture
async def open_desk(desk):
    """A desk that lets everybody open records."""
    await desk.handle(link_person=True, permitted_domains=["example.org"])
    return desk


async def test_messages_of_the_corpus_end_in_a_verdict(open_desk):
    """Whatever is broken in it."""
    for case in list(cases())[::12]:
        assert (await open_desk.receive(case.raw)).outcome in ENDS, case.name


@pytest.mark.parametrize("processor", ["other", "export_xml"])
async def test_so_it_does_with_the_other_processors(open_desk, processor):
    """Templates and XML are made of whatever comes."""
    await open_desk.handle(processor=processor, record_type="change")
    for case in list(cases())[::25]:
        assert (await open_desk.receive(case.raw)).outcome in {*ENDS, Outcome.EXPORTED}, case.name


async def test_messages_that_are_made_to_cost_time_end_in_a_verdict(open_desk):  # SEC-07
    """Each of 30 KB."""
    for name, bomb in BOMBS.items():
        assert (await open_desk.receive(bomb(30_000))).outcome in ENDS, name


@pytest.mark.parametrize("make", [*COMPOSED.values(), *ORIGINALS.values()], ids=[*COMPOSED, *ORIGINALS])
async def test_ordinary_mail_becomes_a_record_with_its_files(open_desk, make):
    """Alphabets, dots, images, big files, signed mail, 8-bit bytes."""
    made = make(ANN, DESK)
    verdict = await open_desk.receive(made)
    expected = () if isinstance(made, bytes) else made.attachments
    assert verdict.outcome is Outcome.CREATED
    assert sorted(file.size for file in await open_desk.files(verdict.record)) == sorted(len(one.content) for one in expected)


@pytest.mark.parametrize("odd", ["\0", "\ud800", "\ufffe", "'; --", "%", "x" * 3000])
async def test_characters_that_no_database_keeps_stand_nowhere_in_the_way(open_desk, odd):
    """In every place that is looked up or stored: ids, addresses, names, numbers, words, field lines."""
    await open_desk.handle(processor="other", record_type="change", unique_key="category")
    await open_desk.tab("object_names", "Change", "change")
    head = f"From: A{odd}nn <a{odd}nn@example.org>\r\nSubject: Change 4{odd}2 JIRA-{odd}9\r\nMessage-ID: <m{odd}@x>\r\n"
    ids = f"In-Reply-To: <i{odd}@x>\r\nReferences: <r{odd}@x> <i{odd}@x>\r\n\r\n"
    raw = f"{head}{ids}Subject :: A{odd}\nCategory :: N{odd}1\nD{odd}ue :: {odd}\n"
    assert (await open_desk.receive(raw.encode("utf-8", "surrogatepass"))).outcome in ENDS
