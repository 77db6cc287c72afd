"""What is logged, and that no secret is."""

import io
import json
import logging
import secrets

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from mailport_workspace.observing.context import working_on
from mailport_workspace.observing.logs import LogFormat, set_up_logging
from mailport_workspace.observing.masking import MASK, mask
from mailport_workspace.sealing import KeyRing, Place, new_key


@pytest.fixture
def log():
    """What is logged, as JSON lines; afterwards logging is as it was."""
    root, stream = logging.getLogger(), io.StringIO()
    before = root.handlers[:], root.level
    set_up_logging(LogFormat.JSON, "info", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    structlog.reset_defaults()


@pytest.mark.parametrize("name", ["mailport.session", "mailport_workspace.deployment.worker", "uvicorn.access", "some.plugin"])
def test_every_line_says_what_it_is_about(log, name):
    """Lines of the core, the service, the web server and plugins carry tenant, inbox and mail of the work at hand."""
    with working_on(tenant="t1", inbox="i1"), working_on(message="m1"):
        logging.getLogger(name).warning("%s is slow", "the server")
    (line,) = log()
    assert (line["tenant"], line["inbox"], line["message"]) == ("t1", "i1", "m1")
    assert (line["event"], line["level"], line["logger"]) == ("the server is slow", "warning", name)


def test_a_line_outside_of_any_work_has_the_same_names(log):
    """A search by tenant needs no exception for lines that belong to none."""
    structlog.get_logger("one").info("started", port=80)
    (line,) = log()
    assert (line["tenant"], line["inbox"], line["message"], line["port"]) == ("", "", "", 80)


def test_the_level_decides(log):
    """What is below it is not written, whoever logs; a chatty library tells warnings only."""
    logging.getLogger("mailport").debug("no")
    logging.getLogger("httpx2").info("no")
    structlog.get_logger("one").debug("no")
    logging.getLogger("mailport").info("yes")
    assert [line["event"] for line in log()] == ["yes"]


def test_libraries_never_debug(log):  # SEC-01
    """Whatever level is set: drivers repeat the parameters of statements, clients their whole conversations."""
    logging.getLogger().setLevel(logging.DEBUG)
    for name in ("aiosqlite", "psycopg", "sqlalchemy.engine", "requests_oauthlib.oauth2_session", "some.library"):
        logging.getLogger(name).debug("said %s", ("hunter2",))
    for name in ("mailport.session", "mailport_workspace.deployment.worker", "mailport_plugin"):
        logging.getLogger(name).debug("ours")
    assert [line["event"] for line in log()] == ["ours"] * 3


def test_calls_are_logged_without_what_they_asked(log):  # SEC-01
    """The code by which a person signs in, and what was searched for, stand in the query."""
    said = '%s - "%s %s HTTP/%s" %d'
    logging.getLogger("uvicorn.access").info(said, "192.0.2.1:7", "GET", "/api/v1/session/openid/callback?code=x", "1.1", 303)
    assert [line["event"] for line in log()] == ['192.0.2.1:7 - "GET /api/v1/session/openid/callback HTTP/1.1" 303']


def secret_texts():
    """What libraries have been seen to write, each around a secret; the secret itself is told apart."""
    token, word = secrets.token_urlsafe(24), secrets.token_hex(12)
    ring = new_key("main")
    sealed = KeyRing.parse(ring).seal(word, Place("t", "r", "password"))
    return [
        (f"Authorization: Bearer {token}", token),
        (f"{{'Authorization': 'Basic {token}'}}", token),
        (f"AUTH PLAIN {token}", token),
        (f"postgresql+psycopg://mailport:{word}@db/mail", word),
        (f"grant_type=client_credentials&client_secret={word}&scope=x", word),
        (f'{{"access_token": "{token}", "expires_in": 3599}}', token),
        (f"login failed with password='{word} {word}'", word),
        (f"-----BEGIN PRIVATE KEY-----\n{token}\n-----END PRIVATE KEY-----", token),
        (f"sent eyJhbGciOiJub25lIn0.{word}.{word}", word),
        (f"mailport_{'a' * 32}_{'b' * 32}_{'c' * 64}", "c" * 64),
        (f"the ring is {ring}", ring.partition(":")[2]),
        (f"stored {sealed}", sealed.rpartition(".")[2]),
    ]


@pytest.mark.parametrize("number", range(len(secret_texts())))
@pytest.mark.parametrize("way", ["text", "argument", "field", "error"])
def test_what_looks_like_a_secret_is_masked(log, number, way):  # SEC-01
    """In the text, an argument, a field or the traceback of an error; what stands around it stays."""
    text, secret = secret_texts()[number]
    logger = logging.getLogger("some.plugin")
    match way:
        case "text":
            logger.warning(text.replace("%", "%%"))
        case "argument":
            logger.warning("said %s", text)
        case "field":
            logger.warning("said", extra={"reply": [{"text": text}]})
        case "error":
            logger.warning("failed", exc_info=ValueError(text))
    (line,) = log()
    assert secret not in json.dumps(line)
    assert MASK in json.dumps(line)


def test_a_field_that_is_called_a_secret_is_masked(log):
    """Whatever its value looks like."""
    values = dict.fromkeys(("password", "client_secret", "private_key", "refresh_token", "Authorization"), "plain")
    structlog.get_logger("one").warning("said", **values, subject="plain", attempts=3)
    (line,) = log()
    assert {name: line[name] for name in values} == dict.fromkeys(values, MASK)
    assert (line["subject"], line["attempts"]) == ("plain", 3)


@given(st.text(st.characters(categories=["L", "N", "Zs"])))
def test_ordinary_words_stay(text):
    """Letters, digits and spaces are no secret by themselves."""
    kept = mask(f"the password of {text}")
    assert kept == f"the password of {text}" or "bearer" in text.lower() or "basic" in text.lower() or "digest" in text.lower()


def test_people_read_the_console(capsys):
    """Without a terminal there are no colours; a secret is masked there as well."""
    stream, root = io.StringIO(), logging.getLogger()
    before = root.handlers[:], root.level
    set_up_logging(LogFormat.CONSOLE, "info", stream)
    with working_on(tenant="t1"):
        logging.getLogger("mailport").warning("password=hunter2hunter2")
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    assert "password=***" in stream.getvalue()
    assert "tenant=t1" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()
