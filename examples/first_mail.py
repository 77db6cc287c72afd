"""The first mail: a local SMTP server, a mail with an inline image, and the way back through a Maildir.

Everything stays on this machine, below ``demo-data/``.
"""

from __future__ import annotations

import asyncio
import base64
import socket
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox

from mailport import Action, ActionKind, Attachment, Direction, Mailport, Message

ROOT = Path(__file__).parent.parent / "demo-data"
LOGO = base64.b64decode(  # a red square of 8 x 8 pixels
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEUlEQVR42mM4w8CAFTEMLQkAIPQzAWg3IxUAAAAASUVORK5CYII="
)


def main() -> None:
    """Start the server, send, read back, say what happened."""
    ROOT.mkdir(exist_ok=True)
    server = Controller(Mailbox(ROOT / "inbox"), hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        asyncio.run(send_and_receive(server.port))
    finally:
        server.stop()


def free_port() -> int:
    """Return a port of this machine on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


async def send_and_receive(port: int) -> None:
    """Send one mail over SMTP and read it from the Maildir in which the server put it."""
    outgoing = {
        "protocol": "smtp",
        "host": "127.0.0.1",
        "port": port,
        "use_ssl_tls": "none",
        "authentication": "none",
        "user_name": "desk@example.org",
    }
    incoming = {"protocol": "maildir", "directory": "inbox", "user_name": "desk@example.org"}
    async with Mailport(local_root=ROOT) as mail:
        print(f"Protocols installed: {', '.join(fields.title for fields in mail.protocols())}")
        account = mail.account(outgoing)
        report = await mail.test_connection(account)
        for rung in report.rungs:
            print(f"  {rung.rung:15} {rung.state:8} {rung.said or rung.remedy}")
        receipt = await mail.submit(first_mail(), account)
        print(f"Sent {receipt.message_id}: the server says “{receipt.reply}”")
        async with mail.poll(mail.account(incoming, Direction.INCOMING)) as round_:
            async for delivery in round_:
                message = await delivery.message()
                names = ", ".join(file.filename for file in message.attachments)
                print(f"Received “{message.subject}” from {message.sender}, {delivery.size} bytes, with {names}")
            await round_.acknowledge(Action(ActionKind.MARK_READ))
    print(f"The mail lies in {ROOT / 'inbox'}/cur: open it with any mail client that reads a Maildir.")


def first_mail() -> Message:
    """Return a mail with an image that its HTML shows."""
    return Message.compose(
        sender="Service Desk <desk@example.org>",
        to="ann@example.org",
        subject="The first mail \N{PARTY POPPER}",
        text="It works.\n",
        html='<p>It works. <img src="cid:logo" alt="a red square"></p>\n',
        attachments=[Attachment(filename="logo.png", content=LOGO, content_type="image/png", content_id="logo", inline=True)],
    )


if __name__ == "__main__":
    main()
