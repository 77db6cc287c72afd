"""What a mail costs the database."""

from dataclasses import replace

from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.workspace.processing.conftest import mail


async def test_what_a_tenant_says_is_read_once_for_a_batch(desk):
    """The second mail of a batch reads no settings any more, and needs twenty statements at most."""
    await desk.know()
    shared, statements = {}, []
    batch = [replace(await desk.stage(mail(subject).to_bytes()), shared=shared) for subject in ("First", "Second")]
    await desk.processing.process(batch[0], desk.settle(batch[0]))

    def note(_connection, _cursor, statement, *_more):
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await desk.processing.process(batch[1], desk.settle(batch[1]))
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert [one for one in statements if "tab_rows" in one or "mail_configurations" in one or "record_types" in one] == []
    assert 10 < len(statements) <= 20
