"""Bodies written after a template describe records."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailport import RecognitionRules
from mailport.policies.templates import READY, TemplateRecogniser, parse, produce

BODY = "Hello,\nSubject :: Printer\nPriority::2\n----\nsubject:: Scanner :: second floor\nColour :: \n-- \nAnn\n"


def test_a_line_sets_a_field():  # TPL-01
    """Name, separator, value, with any spaces around them."""
    assert parse(BODY, "::", "----")[0].fields == (("Subject", "Printer"), ("Priority", "2"))


@pytest.mark.parametrize(("separator", "marker"), [("::", "----"), ("$", "#"), ("=>", "=== next ==="), (":", "*")])
def test_any_separator_and_marker_works(separator, marker):  # TPL-02, TPL-03, TPL-05
    """Of any length; one mail gives as many records as the marker separates."""
    text = BODY.replace("::", separator).replace("----", marker)
    records = parse(text, separator, marker)
    assert records[0].known(["Subject"]) == {"Subject": "Printer"}
    assert len(records) == 2


def test_the_defaults_are_not_those_two():  # TPL-05
    """`$` and `#` stand in too many texts."""
    assert {RecognitionRules().field_separator, RecognitionRules().record_marker}.isdisjoint({"$", "#"})


def test_a_missing_mandatory_field_is_named():  # TPL-04
    """A field without a value is missing as well."""
    first, second = parse(BODY, "::", "----")
    assert first.missing(["subject", "Priority"]) == ()
    assert second.missing(["Subject", "Priority", "Colour"]) == ("Priority", "Colour")


def test_html_is_read_as_text_by_default(compose):  # TPL-06
    """In compatibility mode an HTML mail is refused."""
    message = compose(text="", html="<table><tr><td>Subject ::</td><td>Printer</td></tr></table><div>Priority :: 2</div>")
    found = TemplateRecogniser().recognise(message, RecognitionRules())
    assert found.records[0].fields == (("Subject", "Printer"), ("Priority", "2"))
    refused = TemplateRecogniser().recognise(message, RecognitionRules(strict_compatibility=True))
    assert (refused.records, refused.refused) == ((), "HTML mail is refused in compatibility mode")


def test_only_the_first_separator_counts():  # TPL-07
    """A value may contain it."""
    assert parse(BODY, "::", "----")[1].known(["Subject"]) == {"Subject": "Scanner :: second floor"}


def test_an_unknown_field_is_reported():  # TPL-08
    """The others are set all the same."""
    record = parse(BODY, "::", "----")[0]
    assert (record.unknown(["subject"]), record.known(["subject"])) == (("Priority",), {"subject": "Printer"})


def test_a_template_lists_the_fields():  # TPL-09, TPL-10
    """Filled in it gives the records again; the one for incidents is ready."""
    template = produce(READY["incident"], "::", "----", records=2)
    filled = template.replace(":: ", ":: x")
    assert [record.missing(READY["incident"]) for record in parse(filled, "::", "----")] == [(), ()]
    assert parse(template, "::", "----")[0].missing(READY["incident"]) == READY["incident"]


def test_a_text_without_fields_describes_nothing(compose):
    """Quoted lines are those of somebody else."""
    assert TemplateRecogniser().recognise(compose(text="Hello\n> Subject :: Printer\n"), RecognitionRules()) is None


names = st.text("abcdefghij ", min_size=1, max_size=10).map(str.strip).filter(bool)
values = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20).filter(lambda value: value != "----")


@given(st.lists(st.lists(st.tuples(names, values), min_size=1, max_size=4), min_size=1, max_size=4))
def test_what_is_written_is_read(records):  # TPL-03, TPL-07
    """Any values, any number of records."""
    text = "\n----\n".join("\n".join(f"{name} :: {value}" for name, value in fields) for fields in records)
    read = [[(" ".join(name.split()), value) for name, value in record.fields] for record in parse(text, "::", "----")]
    assert read == [[(" ".join(name.split()), value) for name, value in fields] for fields in records]
