"""Ordinary uses that must type-check; nothing here is run."""

from pathlib import Path
from typing import assert_type

from mailport import Account, Action, ActionKind, Mailport, Message, Receipt, Report, Status, blocking
from mailport.account_file import AccountFile
from mailport.transport import Acknowledgement, Cursor, Delivery


async def send(mail: Mailport, path: Path) -> bool:
    account = mail.account({"protocol": "smtp"}, "outgoing")
    assert_type(account, Account)
    receipt = await mail.submit(Message.read(path), account)
    assert_type(receipt, Receipt)
    return all(result.status is Status.ACCEPTED for result in receipt.recipients)


async def receive(mail: Mailport, account: Account, cursor: Cursor) -> Cursor:
    async with mail.poll(account, cursor, limit=10) as round_:
        async for delivery in round_:
            assert_type(delivery, Delivery)
            assert_type(await delivery.read(), bytes)
        answers = await round_.acknowledge(Action(ActionKind.MOVE, "Archive"))
        assert_type(answers[0], Acknowledgement)
    return round_.cursor


async def test(mail: Mailport, account: Account) -> str:
    report = await mail.test_connection(account, send=True)
    assert_type(report, Report)
    return report.cause.remedy if report.cause else ""


def send_blocking(path: Path) -> Receipt:
    with blocking.Mailport(local_root="mail") as mail:
        account = AccountFile.read(path).account(mail)
        return mail.submit(Message.compose(sender="a@example.org", to=["b@example.org"], text="Hi"), account)
