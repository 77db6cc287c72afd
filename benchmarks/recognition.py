"""Precision and recall of recognition over the labelled set, beside libraries for the same; and the time it takes.

Bounces: flufl.bounce. Reply texts: mail-parser-reply as it is, told the seven languages. Exits with 1 where precision falls
below 0.98 or recall below 0.95.
"""

from __future__ import annotations

import statistics
import sys
import time
from email import message_from_bytes
from pathlib import Path

from flufl.bounce import all_failures
from mailparser_reply import EmailReplyParser

sys.path.insert(0, str(Path(__file__).parent.parent))  # the labelled set is not installed

from mailport import Message
from mailport.policies import Recogniser
from mailport.policies.bodytext import body_text
from mailport.policies.builtin import mailport_policies
from tests.data.recognition import measure
from tests.data.recognition.generate import RULES, Labelled, labelled

PRECISION, RECALL = 0.98, 0.95
PARSER = EmailReplyParser(languages=["en", "de", "fr", "es", "it", "nl", "pl"])
ROUNDS = 5


def main() -> int:
    kinds = sorted({one.kind for one in labelled()})
    counts = ", ".join(f"{sum(one.kind == kind for one in labelled())} {kind}" for kind in kinds)
    print(f"{len(labelled())} messages: {counts}\n")
    print(f"{'':34} precision  recall  mistakes")
    scores = [
        show("automatic replies", measure.auto_replies()),
        show("automatic mail of every kind", measure.automatic()),
        show("bounces", measure.bounces()),
        show("reply texts (lines)", measure.reply_texts()),
    ]
    show("bounces, flufl.bounce", measure.bounces(flufl_bounce))
    show("reply texts, mail-parser-reply", measure.reply_texts(mail_parser_reply))
    print("\nmistakes of mailport:")
    for mistake in [mistake for score in scores for mistake in score.mistakes]:
        print(f"  {mistake}")
    print(f"\n{milliseconds():.2f} ms for all recognisers on one message (mean over the set, median of {ROUNDS} rounds)")
    return int(any(score.precision < PRECISION or score.recall < RECALL for score in scores))


def show(name: str, score: measure.Score) -> measure.Score:
    print(f"{name:34} {score.precision:9.3f} {score.recall:7.3f} {len(score.mistakes):9}")
    return score


def flufl_bounce(message: Message) -> bool:
    temporary, permanent = all_failures(message_from_bytes(message.to_bytes()))
    return bool(temporary or permanent)


def mail_parser_reply(one: Labelled) -> str:
    replies = PARSER.read(body_text(one.message)).replies
    return str(replies[0].body) if replies else ""


def milliseconds() -> float:
    recognisers = [policy for policy in mailport_policies() if isinstance(policy, Recogniser)]
    rounds = []
    for _ in range(ROUNDS):
        messages = [one.message for one in labelled()]
        started = time.perf_counter()
        for message in messages:
            for recogniser in recognisers:
                recogniser.recognise(message, RULES)
        rounds.append(time.perf_counter() - started)
    return statistics.median(rounds) / len(labelled()) * 1000


if __name__ == "__main__":
    sys.exit(main())
