"""What led to an error is told once, whatever shape the chain has."""

from mailport.causes import causes


def test_a_chain_is_told_from_the_error_to_its_first_cause():
    """A cause goes before the error that was being handled."""
    first, handled, last = OSError("first"), ValueError("handled"), RuntimeError("last")
    last.__cause__, last.__context__ = first, handled
    assert list(causes(last)) == [last, first]
    first.__suppress_context__, first.__context__ = False, handled
    assert list(causes(last)) == [last, first, handled]
    assert list(causes(None)) == []


def test_a_ring_ends():
    """Errors that are their own cause, or that of their cause, end the chain as any other."""
    alone, one, other = OSError("alone"), OSError("one"), OSError("other")
    alone.__cause__ = alone
    one.__cause__, other.__cause__ = other, one
    assert list(causes(alone)) == [alone]
    assert list(causes(one)) == [one, other]


def test_what_was_hidden_stays_hidden():
    """``raise ... from None`` hides what was being handled: a server may have said there what we told it in confidence."""
    hiding = ValueError("hiding")
    hiding.__context__, hiding.__suppress_context__ = OSError("secret"), True
    assert list(causes(hiding)) == [hiding]
    assert list(causes(hiding, hidden=True)) == [hiding, hiding.__context__]
