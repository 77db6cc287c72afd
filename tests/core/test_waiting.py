"""How long a server asks to wait."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from mailport.waiting import retry_after


# REL-03
@pytest.mark.parametrize(("header", "seconds"), [("120", 120.0), (" 0 ", 0.0), ("1.5", 1.5)])
def test_seconds_are_taken_to_the_second(header: str, seconds: float) -> None:
    """A number is how many seconds to wait."""
    assert retry_after(header) == seconds


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_a_date_is_a_time_to_come(zone: str) -> None:
    """A date is when to come back, in universal time also where it names no zone; one that is past means at once."""
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True).replace("GMT", zone)
    assert 55 < (retry_after(later) or 0) <= 60
    assert retry_after("Wed, 21 Oct 2015 07:28:00 " + zone) == 0.0


@pytest.mark.parametrize("header", [None, "", "soon", "-5", "inf", "nan", "1e9", "\u0661", "9" * 40])
def test_anything_else_says_nothing(header: str | None) -> None:
    """What is neither, or would mean for ever, is as good as no header."""
    assert retry_after(header) is None
