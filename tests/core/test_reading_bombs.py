"""Messages that are made to cost: reading them has a bound in time and memory (SEC-07)."""

import encodings
import subprocess
import sys
import time

import pytest

from mailport import Message
from tests.corpus.bombs import BOMBS

READ = """
import resource, sys
from pathlib import Path
from mailport import Message

resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
message = Message.read(Path(sys.argv[1]))
message.text, message.html, message.attachments
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime)
"""


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_of_a_megabyte_takes_a_second(bomb):  # SEC-07
    """The time is bounded by the size, whatever the shape."""
    raw = BOMBS[bomb](1_000_000)
    started = time.process_time()
    message = Message.read(raw)
    assert len(message.text + message.html) + sum(len(file.content) for file in message.attachments) <= len(raw)
    assert time.process_time() - started < 1


def test_unknown_charsets_are_not_remembered():  # SEC-07
    """Python keeps every codec name that it looked for; a mail full of made-up ones must not fill the memory of a worker."""
    known = len(encodings._cache)
    Message.read(b"".join(b"X-A: =?made-up-%d?q?a?=\n" % number for number in range(2000)))
    assert len(encodings._cache) <= known + 2


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the memory limit is POSIX")
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_of_fifty_megabytes_takes_ten_seconds(bomb, tmp_path):  # SEC-07
    """Ten seconds and ten times the size in memory, the interpreter included."""
    file = tmp_path / "bomb.eml"
    file.write_bytes(BOMBS[bomb](50_000_000))
    command = [sys.executable, "-c", READ, str(file), str(500_000_000)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 10
