"""Export Email as XML: the document, and the way from there to records."""

import asyncio

import pytest
from lxml import etree

from mailport import Attachment
from mailport.errors import ConfigurationError
from mailport_workspace.processing.about import read_case, read_settings
from mailport_workspace.processing.processors.export import document_of
from mailport_workspace.processing.xml import as_document, check_stylesheet, read_records, transform
from mailport_workspace.tables import Outcome
from mailport_workspace.tenants.imports import Imports
from tests.workspace.processing.conftest import ANN, mail

XSL = 'xmlns:xsl="http://www.w3.org/1999/XSL/Transform"'


def sheet(body, *, match="/mail", more=""):
    """Return a stylesheet with one template."""
    return f'<xsl:stylesheet version="1.0" {XSL} {more}><xsl:template match="{match}">{body}</xsl:template></xsl:stylesheet>'


RECORD = sheet(
    '<records><record type="change" key="category"><field name="Subject"><xsl:value-of select="subject"/></field>'
    '<field name="Category"><xsl:value-of select="from"/></field>'
    '<field name="description"><xsl:value-of select="body"/></field></record></records>'
)
LOOPS = sheet('<xsl:call-template name="l"/></xsl:template><xsl:template name="l"><xsl:call-template name="l"/>')
DEEP = sheet("".join('<xsl:for-each select="//node()|//@*">' for _ in range(14)) + "x" + "</xsl:for-each>" * 14)


@pytest.fixture
async def exporting(desk):
    """A desk that exports, with an import connection that nobody uses yet."""
    await desk.handle(processor="ExportEmailAsXml")
    await Imports(desk.world.store).add(desk.world.one, "Changes", RECORD)
    return desk


async def test_the_document_has_subject_id_body_and_key(exporting):  # XML-01
    """The key is that of the stored mail; without an import connection nothing else happens."""
    message = mail("A <subject> & more", "Text\n", attachments=[Attachment(filename="a.txt", content=b"x")])
    verdict = await exporting.receive(message)
    assert (verdict.outcome, await exporting.all_records()) == (Outcome.EXPORTED, [])
    received = await exporting.stage(message.to_bytes())
    async with exporting.world.store.read(exporting.tenant) as rows:
        case = await read_case(rows, received, await read_settings(rows, exporting.world.ring))
    case.text = "Text"
    root = etree.fromstring(document_of(case))
    found = {child.tag: child.text for child in root}
    assert (found["subject"], found["id"], found["body"]) == ("A <subject> & more", message.message_id, "Text")
    assert (found["key"], found["from"], found["attachment"]) == (received.journal_id, ANN, "a.txt")


async def test_a_transformation_creates_and_updates_by_unique_key(exporting):  # XML-02
    """The second mail of the same key changes the record that the first one made."""
    await exporting.handle(import_connection="Changes")
    first = await exporting.receive(mail("One"))
    second = await exporting.receive(mail("Two", message_id="<two@example.org>"))
    (record,) = await exporting.all_records()
    assert (first.record.id, second.record.id, record.type, record.title) == (record.id, record.id, "change", "Two")
    assert record.fields["category"] == ANN
    entries = [entry.journal_id for entry in await exporting.history(record) if entry.kind == "mail_in"]
    assert exporting.journal in entries
    assert len(entries) == 2


@pytest.mark.parametrize("subject", ["Grüße → 例え שלום 🖨", "Ω]]>&amp;<x>", "İstanbul ﬁn"])
async def test_unicode_survives_the_whole_way(exporting, subject):  # XML-03
    """From the mail to the field of the record, without an option."""
    await exporting.handle(import_connection="Changes")
    verdict = await exporting.receive(mail(subject, f"{subject}\n"))
    record = await exporting.record(verdict.record)
    assert (record.title, record.fields["description"]) == (subject, subject)


@pytest.mark.parametrize("text", ["\x00\x01\x1f", "\ud800 half", "\ufffe\uffff", "\x0b"])
def test_characters_that_xml_does_not_have_are_replaced(text):
    """The document can be read back."""
    root = etree.fromstring(as_document({"subject": f"a{text}b"}))
    assert root[0].text.startswith("a\N{REPLACEMENT CHARACTER}")


async def test_a_connection_that_is_gone_fails_the_mail_and_keeps_it(exporting):
    """An incident tells of it."""
    await exporting.handle(import_connection="Gone")
    verdict = await exporting.receive(mail())
    assert (verdict.outcome, verdict.record.type, verdict.mailbox) == (Outcome.FAILED, "incident", "failure")
    assert "Gone" in verdict.last_error


@pytest.mark.parametrize("made", ["<x/>", "<records><record type='nothing'/></records>", ""])
async def test_what_is_no_record_makes_none(exporting, made):
    """The mail waits for a person, with what was wrong."""
    await exporting.options(incident_on_failure=False)
    await Imports(exporting.world.store).add(exporting.world.one, "Other", sheet(made))
    await exporting.handle(import_connection="Other")
    verdict = await exporting.receive(mail())
    assert verdict.outcome in (Outcome.FAILED, Outcome.QUARANTINED)
    assert (bool(verdict.last_error), await exporting.all_records()) == (True, [])


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "no xml",
        "<x/>",
        sheet("", match="["),
        sheet('<xsl:include href="other.xsl"/>'),
        f'<xsl:stylesheet version="1.0" {XSL}><xsl:import href="http://example.org/x.xsl"/></xsl:stylesheet>',
        sheet("<a/>", more='xmlns:e="http://exslt.org/strings"'),
        sheet("<a/>", more='xmlns:s="http://icl.com/saxon" extension-element-prefixes="s"'),
        f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>{sheet("&e;")}',
        "<!DOCTYPE x>" + sheet("<a/>"),
        sheet(" " * 300_000),
    ],
    ids=range(11),
)
def test_a_stylesheet_that_reaches_beyond_the_document_is_refused(bad):  # SEC-07
    """Entities, other files, extensions, and what is no stylesheet, when it is stored."""
    with pytest.raises(ConfigurationError) as caught:
        check_stylesheet(bad)
    assert (caught.value.field, caught.value.code) == ("stylesheet", "xml.stylesheet")


@pytest.mark.parametrize("scheme", ["file://", ""])
async def test_a_stylesheet_reads_no_file(tmp_path, scheme):  # SEC-07
    """One that every process here could read."""
    (tmp_path / "other.xml").write_text("<a>hidden</a>")
    with pytest.raises(ConfigurationError) as caught:
        await transform(b"<mail/>", _reading(f"{scheme}{tmp_path}/other.xml"))
    assert caught.value.code == "xml.transformation"


async def test_a_stylesheet_reaches_no_network():  # SEC-07
    """Nobody knocks at a server that it names."""
    knocks = []
    server = await asyncio.start_server(lambda reader, writer: (knocks.append(reader), writer.close()), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        for scheme in ("http", "ftp"):
            with pytest.raises(ConfigurationError):
                await transform(b"<mail/>", _reading(f"{scheme}://127.0.0.1:{port}/other.xml"))
    assert knocks == []


def _reading(place):
    return sheet(f"""<a><xsl:value-of select="document('{place}')"/></a>""")


@pytest.mark.parametrize("endless", [LOOPS, DEEP], ids=["recursion", "loops"])
async def test_a_stylesheet_without_end_is_stopped(monkeypatch, endless):  # SEC-07
    """By its time or its memory; nothing of it goes on."""
    monkeypatch.setattr("mailport_workspace.processing.xml.SECONDS", 2)
    document = as_document({f"n{number}": "x" for number in range(40)})
    with pytest.raises(ConfigurationError) as caught:
        await transform(document, endless)
    assert caught.value.code == "xml.transformation"


@pytest.mark.parametrize("made", [b"<!DOCTYPE r [<!ENTITY a 'x'>]><records/>", b"<records", b"", b"<other/>"])
def test_what_a_stylesheet_makes_is_read_without_entities(made):  # SEC-07
    """Nothing else than records is taken."""
    with pytest.raises(ConfigurationError) as caught:
        read_records(made)
    assert caught.value.code == "xml.transformation"


async def test_a_stylesheet_makes_a_hundred_records_at_most():
    """One more is an error."""
    with pytest.raises(ConfigurationError):
        read_records(b"<records>" + b"<record/>" * 101 + b"</records>")


async def test_connections_are_added_changed_and_removed(world):
    """Each change is in the audit, and a wrong one is refused at its field."""
    imports = Imports(world.store)
    made = await imports.add(world.one, "Changes", RECORD)
    await imports.change(world.one, made, name="Other")
    for name, text, field in (("Other", RECORD, "name"), ("", RECORD, "name"), ("New", "<x/>", "stylesheet")):
        with pytest.raises(ConfigurationError) as caught:
            await imports.add(world.one, name, text)
        assert caught.value.field == field
    assert [one["name"] for one in await imports.list(world.one)] == ["Other"]
    await imports.remove(world.one, made)
    assert (await imports.list(world.one), await imports.list(world.two)) == ([], [])
