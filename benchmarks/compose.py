"""Composing, applying the policies and serialising a mail of 5 KB, beside the standard library; and 10 MB of images.

Both sides run in turn in one process, so that a busy machine slows them alike; medians are compared. Exits with 1 where a limit
is not held: not slower than building and serialising the same mail with `EmailMessage`, 200 ms for 10 MB of images each way.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime, make_msgid
from functools import partial

from mailport import Account, Attachment, Mailport, Message
from mailport.policies import Policy
from mailport.policies.block import Block
from mailport.policies.conversation import AttachConversationId
from mailport.policies.conversation_ids import new_conversation_id
from mailport.policies.images import Images, attach_images, embed_images
from mailport.policies.marking import MarkAutomatic
from mailport.policies.override import Override
from mailport.submit import apply
from mailport.testing.memory import MemoryMail, MemoryPlugin

ROUNDS = 300
LIMIT = 0.2  # seconds for the images
SECRET = os.urandom(32)
LINES = [f"Line {number}: the printer on the second floor is out of paper again.\n" for number in range(32)]
ASCII, ACCENTED = "".join(LINES), "".join(LINES).replace("paper", "Papier für Gäste")
HTML = "<html><body>{}</body></html>\n"
POLICIES: tuple[Policy, ...] = (Block(), Override(), Images(), AttachConversationId(), MarkAutomatic())


def by_standard_library(text: str) -> bytes:
    wire = EmailMessage(policy=SMTP)
    wire["From"], wire["To"] = "Desk <desk@example.org>", "Ann <ann@example.org>"
    wire["Subject"], wire["Date"], wire["Message-ID"] = text[:60].strip(), localtime(), make_msgid(domain="example.org")
    wire.set_content(text)
    wire.add_alternative(HTML.format(text), subtype="html")
    return wire.as_bytes()


def by_mailport(text: str, account: Account) -> bytes:
    message = Message.compose(
        sender="Desk <desk@example.org>",
        to="Ann <ann@example.org>",
        subject=text[:60].strip(),
        text=text,
        html=HTML.format(text),
        conversation_id=new_conversation_id(SECRET),
    )
    ready = apply(message, account, POLICIES)
    return ready.to_bytes() if isinstance(ready, Message) else b""


def medians(*tasks: Callable[[], object], rounds: int) -> list[float]:
    taken: list[list[float]] = [[] for _ in tasks]
    for _ in range(rounds):
        for task, times in zip(tasks, taken, strict=True):
            started = time.perf_counter()
            task()
            times.append(time.perf_counter() - started)
    return [statistics.median(times) for times in taken]


def compare_composing(title: str, text: str, account: Account) -> bool:
    theirs, ours = medians(partial(by_standard_library, text), partial(by_mailport, text, account), rounds=ROUNDS)
    print(f"{title}: {ours * 1000:.2f} ms, standard library {theirs * 1000:.2f} ms, {theirs / ours:.1f} times as fast")
    return ours <= theirs


def measure_images() -> bool:
    images = [
        Attachment(
            filename=f"{at}.png", content=os.urandom(1 << 20), content_type="image/png", content_id=f"{at}@x", inline=True
        )
        for at in range(10)
    ]
    html = HTML.format(ASCII + "".join(f'<img src="cid:{at}@x">' for at in range(10)))
    attached = Message.compose(sender="desk@example.org", html=html, attachments=images)
    embedded = embed_images(attached)
    inside, apart = medians(partial(embed_images, attached), partial(attach_images, embedded), rounds=5)
    print(f"10 MB of images: {inside * 1000:.0f} ms from parts to data URIs, {apart * 1000:.0f} ms back")
    return max(inside, apart) < LIMIT


async def accounts() -> dict[str, Account]:
    values = {"protocol": "memory", "user_name": "desk@example.org", "password": "p", "attach_conversation_id": True}
    async with Mailport(plugins=[MemoryPlugin(MemoryMail({}))], discover=False) as mail:
        return {place: mail.account(values | {"conversation_id_location": place}) for place in ("subject", "body")}


def main() -> int:
    by_place = asyncio.run(accounts())
    held = [
        compare_composing(f"{kind}, id in the {place}", text, account)
        for kind, text in (("ASCII", ASCII), ("accented", ACCENTED))
        for place, account in by_place.items()
    ]
    return 0 if all([*held, measure_images()]) else 1


if __name__ == "__main__":
    sys.exit(main())
