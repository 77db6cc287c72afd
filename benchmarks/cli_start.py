"""How long `mailport protocols` takes to start: beside its bare imports, and with 50 more plugins; one schema on demand.

Runs the commands in turn, so that a busy machine slows all of them alike, and compares medians. Exits with 1 where a limit
is not held: 1.5 times the bare imports, 250 ms for 50 plugins, 10 ms for a schema.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROUNDS = 15
PLUGINS = 50
BARE = "import pluggy, stevedore, click; from pydantic import BaseModel"

FIELDS = """
from typing import Annotated, Literal
from pydantic import AfterValidator
from mailport.fields import MailAddress, ProtocolFields, Secret, Settings, setting

def _stripped(value: str) -> str:
    return value.strip()

class Server(Settings):
    host: Annotated[str, AfterValidator(_stripped)] = setting(label="Host", placeholder="mail.example.org", binds=True)
    port: int = setting(25, label="Port", ge=1, le=65535, binds=True)
    use_tls: Literal["none", "TLS"] = setting("TLS", label="Use TLS", choices={{"none": "None", "TLS": "TLS"}}, binds=True)
    user_name: MailAddress = setting(label="User Name", binds=True)
    proxy_url: str = setting("", label="Proxy URL", binds=True, advanced=True)

class Login(Server):
    authentication: Literal["auth_login"] = setting("auth_login", label="A", choices={{"auth_login": "AuthLogin"}})
    password: Secret = setting(label="Password")

class Token(Server):
    authentication: Literal["token"] = setting("token", label="A", choices={{"token": "Token"}})
    client_id: str = setting(label="Client ID", binds=True)
    client_secret_key: Secret | None = setting(None, label="Client Secret Key")

PROTOCOLS = (ProtocolFields(key="made{number}", title="Made {number}", outgoing=(Login, Token), incoming=(Login, Token)),)
"""

PLUGIN = """
from mailport.hookspecs import hookimpl
from made{number}_fields import PROTOCOLS

@hookimpl
def mailport_fields():
    return PROTOCOLS

@hookimpl
def mailport_send(account, services):
    raise NotImplementedError

@hookimpl
def mailport_receive(account, services):
    raise NotImplementedError
"""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        for number in range(PLUGINS):
            install(Path(folder), number)
        more = os.environ | {"PYTHONPATH": folder}
        command = [sys.executable, "-m", "mailport", "protocols"]
        medians = alternate(
            {
                "bare imports": ([sys.executable, "-c", BARE], os.environ),
                "mailport protocols": (command, os.environ),
                f"... with {PLUGINS} more plugins": (command, more),
            }
        )
    bare, own, crowded = medians.values()
    checks = [
        (f"mailport protocols / bare imports: {own / bare:.2f}", own / bare <= 1.5),
        (f"{PLUGINS} plugins: {(crowded - own) * 1000:+.0f} ms", crowded - own <= 0.250),
        *schemas(),
    ]
    for text, holds in checks:
        print(f"{'ok  ' if holds else 'OVER'} {text}")
    return 0 if all(holds for _, holds in checks) else 1


def install(folder: Path, number: int) -> None:
    """Make a package that looks installed: two modules and what importlib.metadata reads."""
    (folder / f"made{number}_fields.py").write_text(FIELDS.format(number=number))
    (folder / f"made{number}.py").write_text(PLUGIN.format(number=number))
    info = folder / f"mailport_made{number}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: mailport-made{number}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[mailport.plugins]\nmade{number} = made{number}\n")


def alternate(commands: Mapping[str, tuple[Sequence[str], Mapping[str, str]]]) -> dict[str, float]:
    """Return the median seconds of each command; the first round, which compiles, does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS + 1):
        for name, (command, environ) in commands.items():
            started = time.perf_counter()
            subprocess.run(command, env=dict(environ), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            seconds[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(times[1:]) for name, times in seconds.items()}
    for name, median in medians.items():
        print(f"     {name:28} {median * 1000:6.0f} ms  (fastest {min(seconds[name]) * 1000:.0f})")
    return medians


SCHEMA = """
import sys, time
from pydantic import BaseModel
from mailport.registry import Registry
from mailport.forms import json_schema
class Other(BaseModel):
    name: str = "any"
if "warm" in sys.argv:
    Other.model_json_schema()
registry = Registry()
protocol = registry.protocol(sys.argv[1])
started = time.process_time()
json_schema(protocol, protocol.directions[0])
print(time.process_time() - started)
"""


def schemas() -> list[tuple[str, bool]]:
    """Time the first schema of each protocol, in a process of its own in which pydantic drew some other schema before.

    The very first schema of a process also pays for what pydantic sets up once; it is shown, and not ours to limit.
    The time is the processor's: drawing waits for nothing, and a busy machine shall not count.
    """
    listed = subprocess.run([sys.executable, "-m", "mailport", "protocols"], check=True, capture_output=True, text=True)
    return [_schema(line.partition("\t")[0]) for line in listed.stdout.splitlines()]


def _schema(key: str) -> tuple[str, bool]:
    warm, cold = (statistics.median(_time_schema(key, state) for _ in range(5)) for state in ("warm", "cold"))
    return f"schema of {key}: {warm * 1000:.1f} ms (as the very first of a process {cold * 1000:.1f})", warm <= 0.010


def _time_schema(*arguments: str) -> float:
    command = [sys.executable, "-W", "ignore", "-c", SCHEMA, *arguments]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    sys.exit(main())
