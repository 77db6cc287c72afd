"""What can go wrong, as things to put into `FakeEws.faults`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.peers.fake_ews.answers import Failed, fault, to_bytes

Act = Callable[[Any], bool]  # takes the connection's handler; True: the request is dealt with


@dataclass
class Fault:
    """Something that happens to requests of `operation` (all of them, also before signing in, if it is None).

    It happens `times` times, or for ever; `reads` says whether the request's body is read first.
    """

    act: Act
    operation: str | None = None
    times: int | None = 1
    reads: bool = True


def status(code: int, body: bytes = b"", headers: dict[str, str] | None = None, **more: Any) -> Fault:
    """Another HTTP status."""

    def act(handler: Any) -> bool:
        handler.send(code, body, {"Content-Type": "text/html", **(headers or {})})
        return True

    return Fault(act, **more)


def soap(failed: Failed, **more: Any) -> Fault:
    """A SOAP fault with HTTP 500."""

    def act(handler: Any) -> bool:
        handler.send(500, to_bytes(fault(failed)), {"Content-Type": "text/xml; charset=utf-8"})
        return True

    return Fault(act, **more)


def text(body: bytes, content_type: str = "text/xml", **more: Any) -> Fault:
    """HTTP 200 with something else."""

    def act(handler: Any) -> bool:
        handler.send(200, body, {"Content-Type": content_type})
        return True

    return Fault(act, **more)


def cut_before(**more: Any) -> Fault:
    """The connection breaks before the request's body was read."""

    def act(handler: Any) -> bool:
        handler.cut()
        return True

    return Fault(act, reads=False, **more)


def cut_after(**more: Any) -> Fault:
    """The request is done, and the connection breaks instead of an answer."""

    def act(handler: Any) -> bool:
        handler.carry_out()
        handler.cut()
        return True

    return Fault(act, **more)


def slow(seconds: float, **more: Any) -> Fault:
    """The right answer, late."""

    def act(handler: Any) -> bool:
        handler.pause(seconds)
        return False

    return Fault(act, **more)


def dripping(seconds: float, **more: Any) -> Fault:
    """The right answer, one byte every so many seconds."""

    def act(handler: Any) -> bool:
        whole = handler.carry_out()
        handler.send(200, whole[:1], {"Content-Type": "text/xml", "Content-Length": str(len(whole))})
        for at in range(1, len(whole)):
            handler.pause(seconds)
            handler.wfile.write(whole[at : at + 1])
            handler.wfile.flush()
        return True

    return Fault(act, **more)


def truncated(*, honest: bool, **more: Any) -> Fault:
    """The right answer, cut in the middle: with the length of the whole one, or as if that were all."""

    def act(handler: Any) -> bool:
        whole = handler.carry_out()
        half = whole[: len(whole) // 2]
        length = len(whole) if honest else len(half)
        handler.send(200, half, {"Content-Type": "text/xml", "Content-Length": str(length)})
        handler.cut()
        return True

    return Fault(act, **more)
