"""Precision and recall over the labelled set; the test asserts them, the benchmark prints them."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mailport import Message
from mailport.policies.automatic import AutomaticKind, AutomaticRecogniser
from mailport.policies.bounce import Bounce, BounceRecogniser
from mailport.policies.complaints import ComplaintRecogniser
from mailport.policies.reply import ReplyRecogniser
from tests.data.recognition.generate import RULES, Labelled, labelled


@dataclass
class Score:
    """Hits, false alarms and misses, and where the mistakes are."""

    hits: int = 0
    alarms: int = 0
    misses: int = 0
    mistakes: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return self.hits / max(self.hits + self.alarms, 1)

    @property
    def recall(self) -> float:
        return self.hits / max(self.hits + self.misses, 1)

    def count(self, name: str, *, expected: bool, found: bool) -> None:
        self.hits += expected and found
        self.alarms += found and not expected
        self.misses += expected and not found
        if expected != found:
            self.mistakes.append(f"{name} ({'missed' if expected else 'false alarm'})")


def is_auto_reply(message: Message) -> bool:
    found = AutomaticRecogniser().recognise(message, RULES)
    return found is not None and found.kind is AutomaticKind.REPLY


def is_automatic(message: Message) -> bool:
    return any(one.recognise(message, RULES) for one in (AutomaticRecogniser(), BounceRecogniser(), ComplaintRecogniser()))


def bounce_of(message: Message) -> Bounce | None:
    return BounceRecogniser().recognise(message, RULES)


def is_bounce(message: Message) -> bool:
    return bounce_of(message) is not None


def classify(found: Callable[[Message], bool], *kinds: str) -> Score:
    """Compare `found` with whether the label is one of `kinds`, over all messages."""
    score = Score()
    for one in labelled():
        score.count(one.name, expected=one.kind in kinds, found=found(one.message))
    return score


def auto_replies() -> Score:
    return classify(is_auto_reply, "auto-reply")


def automatic() -> Score:
    return classify(is_automatic, "auto-reply", "bounce", "complaint", "list", "notification", "receipt")


def bounces(found: Callable[[Message], bool] = is_bounce) -> Score:
    return classify(found, "bounce")


def reply_of(one: Labelled) -> str:
    found = ReplyRecogniser().recognise(one.message, RULES)
    return found.text if found else ""


def reply_texts(extract: Callable[[Labelled], str] = reply_of) -> Score:
    """Compare line by line: a line too many is a false alarm, a line lost is a miss."""
    score = Score()
    for one in labelled():
        if one.reply is not None:
            expected, found = _lines(one.reply), _lines(extract(one))
            score.hits += (expected & found).total()
            score.alarms += (found - expected).total()
            score.misses += (expected - found).total()
            if expected != found:
                score.mistakes.append(f"{one.name} (lost {[*(expected - found)]}, too many {[*(found - expected)]})")
    return score


def _lines(text: str) -> Counter[str]:
    return Counter(_filled(text.splitlines()))


def _filled(lines: Iterable[str]) -> Iterable[str]:
    return (" ".join(line.split()) for line in lines if line.strip())
