"""Messages as Gmail wants them, and its answers."""

import json
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailport.errors import ConfigurationError, MailportError, NotFound, PermissionDenied, Throttled, Uncertain
from mailport.transport import Cursor
from mailport_google.fields import GoogleOutgoing
from mailport_google.place import Place
from mailport_google.said import read_answer, read_token_answer
from mailport_google.translate import refused, token_refused
from mailport_google.wire import find_raw, raw_chunks
from tests.peers.fake_gmail.faults import error_body

SETTINGS = GoogleOutgoing(
    service_account_address="mail@project.iam.gserviceaccount.com",
    private_key="-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",  # type: ignore[arg-type]
    user_name="user@example.test",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=600_000), st.sampled_from(["", "=", "\\u003d"]), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_raw_is_decoded_in_pieces(raw: bytes, padding: str, separators: tuple[str, str]) -> None:
    """base64url with any padding gives the bytes, in pieces of less than 256 KB, without the JSON being parsed."""
    encoded = urlsafe_b64encode(raw).decode()
    text = encoded.rstrip("=") + padding * (len(encoded) - len(encoded.rstrip("=")))
    answer = json.dumps({"id": "1", "raw": text, "sizeEstimate": 7}, separators=separators).replace("\\\\u", "\\u").encode()
    assert json.loads(answer)["raw"].rstrip("=") == encoded.rstrip("=")
    found = find_raw(answer)
    assert found is not None
    chunks = list(raw_chunks(found))
    assert b"".join(chunks) == raw
    assert all(len(chunk) <= 256 * 1024 for chunk in chunks)


@given(st.binary(min_size=1, max_size=300), st.data())
def test_a_part_of_an_answer_is_no_message(raw: bytes, data: st.DataObject) -> None:
    """An answer that lost its end gives no message rather than half of one."""
    answer = json.dumps({"id": "1", "raw": urlsafe_b64encode(raw).decode()}).encode()
    assert find_raw(answer[: data.draw(st.integers(0, len(answer) - 1))]) is None


@given(JSON)
def test_no_stored_value_is_a_cursor_by_accident(value: Cursor) -> None:
    """Whatever a host stored for another protocol is no cursor of ours, and says so."""
    with pytest.raises(NotFound):
        Place.read(value, user="a@example.test", label="INBOX")


@given(st.from_regex(r"[0-9]{1,19}", fullmatch=True), st.text(max_size=9), st.none() | st.integers(), st.booleans())
def test_a_cursor_survives_being_stored(history: str, after: str, date: int | None, listing: bool) -> None:
    """A place is the same after it lay with the host."""
    place = Place(user="a@example.test", label="INBOX", history=history)
    if after:
        place = Place(user="a@example.test", label="INBOX", history=history, after=after, date=date, is_listing=listing)
    assert Place.read(place.as_cursor(), user="a@example.test", label="INBOX") == place


@given(st.integers(300, 599), st.binary(max_size=200), st.dictionaries(st.sampled_from(["retry-after"]), st.text(max_size=9)))
def test_any_refusal_is_a_mailport_error(status: int, body: bytes, headers: dict[str, str]) -> None:
    """However an endpoint answers, the result is one of our errors with a code and a remedy."""
    for error in (
        refused(read_answer(status, headers, body), SETTINGS, "read"),
        token_refused(read_token_answer(status, headers, body), SETTINGS),
    ):
        assert isinstance(error, MailportError)
        assert "." in error.code
        assert error.remedy


@pytest.mark.parametrize("shape", [{"error": "text"}, {"error": {"errors": "x", "details": [1, {}]}}, [], "x", None])
def test_odd_errors_are_read(shape: object) -> None:
    """An error in a shape that nobody promised is read without its reasons."""
    assert read_answer(403, {}, json.dumps(shape).encode()).reasons == frozenset()


@pytest.mark.parametrize(
    ("status", "reason", "message", "kind", "code"),
    [
        (403, "SERVICE_DISABLED", "Gmail API has not been used", ConfigurationError, "permission.api_disabled"),
        (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "Request had", PermissionDenied, "permission.scope"),
        (403, "RATE_LIMIT_EXCEEDED", "Quota exceeded for quota metric", Throttled, "send.throttled"),
        (500, "backendError", "Internal error", Uncertain, "send.uncertain"),
    ],
)
def test_new_reasons_mean_what_the_old_ones_mean(
    status: int, reason: str, message: str, kind: type[MailportError], code: str
) -> None:
    """Google's newer error details are read as well as the older list of errors."""
    error = refused(read_answer(status, {}, error_body(status, reason, message)), SETTINGS, "send")
    assert isinstance(error, kind)
    assert (error.code, bool(error.provider_code)) == (code, True)
