"""Services without an envelope send to everybody in To and Cc: whom they left out gets a mail of its own."""

from mailport.envelope import addressed
from mailport.hookspecs import hookimpl
from mailport.receipt import Receipt, RecipientResult, Status
from mailport.testing.memory import MemoryPlugin
from mailport.testing.memory.sender import MemorySender
from mailport_workspace.tables import OutboxState
from tests.workspace.outbox.conftest import in_memory


class NoEnvelope(MemorySender):
    """Takes a message as such a service does, and puts off everybody who is deferred."""

    async def send(self, message):
        addressed(message, self._account)  # refuses an envelope that the headers do not express
        self._mail.accepted.append(message)
        results = [self._result(address) for address in message.recipients]
        return Receipt(message_id=message.message_id, recipients=tuple(results))

    def _result(self, address):
        status = Status.DEFERRED if address in self._mail.deferred else Status.ACCEPTED
        return RecipientResult(address=address, status=status)


class NoEnvelopePlugin(MemoryPlugin):
    """A plugin of such a service."""

    @hookimpl
    def mailport_send(self, account, services):
        return NoEnvelope(account, self.mail)


async def test_deferred_recipients_get_a_mail_of_their_own(world, mail, clock):
    """The rest of a partly accepted mail is addressed to the rest only, with the same Message-ID, text and hidden Bcc."""
    mail.deferred.update({"late@example.test", "hidden@example.test"})
    async with in_memory(world, mail, clock, plugin=NoEnvelopePlugin) as office:
        people = {"to": "ann@example.test, late@example.test", "message": {"bcc": "hidden@example.test"}}
        submitted = await office.submit(**people)
        await office.drain()
        mail.deferred.clear()
        clock.forward(minutes=2)
        await office.drain()
        assert [entry.state for entry in await office.entries(submitted)] == [OutboxState.PARTLY_REFUSED, OutboxState.SENT]
    first, second = mail.accepted
    assert [one.mailbox for one in second.to] == ["late@example.test"]
    assert [one.mailbox for one in second.bcc] == ["hidden@example.test"]
    assert (second.message_id, second.text.strip()) == (first.message_id, first.text.strip())
