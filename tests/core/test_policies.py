"""Policies come through a hook, run in the order of their stages, and may end the way of a message."""

from mailport import Mailport, RecognitionRules, Status
from mailport.hookspecs import hookimpl
from mailport.policies import Policy, Recogniser, Stage
from mailport.receipt import Receipt
from mailport.testing.memory import MemoryPlugin


class Tag(Policy):
    """Appends its name to the subject."""

    def __init__(self, name, stage):
        self.name, self.stage = name, stage

    def apply(self, message, account):
        return message.replace(subject=f"{message.subject} {self.name}")


class Curfew(Policy):
    """Lets nothing leave."""

    name, stage = "curfew", Stage.GATE

    def apply(self, message, account):
        return Receipt.for_all(message.message_id, message.recipients, Status.BLOCKED, text="curfew")


class Contributing:
    def __init__(self, *policies):
        self.policies = policies

    @hookimpl
    def mailport_policies(self):
        return self.policies


async def test_policies_run_in_the_order_of_their_stages(memory, values, compose):
    """What a package contributes later may still run earlier."""
    plugin = Contributing(Tag("headers", Stage.HEADERS), Tag("gate", Stage.GATE), Tag("content", Stage.CONTENT))
    async with Mailport(plugins=[MemoryPlugin(memory), plugin], discover=False) as mail:
        await mail.submit(compose(), mail.account(values))
    assert b"Subject: Hello gate content headers" in memory.accepted[0].raw


async def test_a_policy_may_end_the_way_of_a_message(memory, values, compose):
    """Its receipt is the answer, and later policies do not run."""
    async with Mailport(plugins=[MemoryPlugin(memory), Contributing(Curfew())], discover=False) as mail:
        receipt = await mail.submit(compose(), mail.account(values))
    assert [result.text for result in receipt.recipients] == ["curfew"]
    assert memory.connections == []


class Shouting(Recogniser):
    """Finds messages whose subject is all capitals."""

    name, stage = "shouting", Stage.CONTENT

    def recognise(self, message, rules):
        return "capitals" if message.subject.isupper() else None


class Buggy(Recogniser):
    """Always fails."""

    name, stage = "buggy", Stage.GATE

    def recognise(self, message, rules):
        raise KeyError("bug")


async def test_a_recogniser_of_a_package_sees_incoming_mail(compose):
    """What it finds is under its name; one that fails stops none of the others."""
    async with Mailport(plugins=[Contributing(Shouting(), Buggy())], discover=False) as mail:
        findings = mail.recognise(compose(subject="HELP"), RecognitionRules())
        quiet = mail.recognise(compose(subject="Help"), RecognitionRules())
    assert findings["shouting"] == "capitals"
    assert {"buggy", "shouting"}.isdisjoint(quiet)
