"""Our EWS server as somebody else's client sees it: a port of Microsoft's EWS Managed API."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mailport.testing.messages import incoming as raw_mail
from tests.peers.fake_ews import operations
from tests.peers.fake_ews.server import FakeEws
from tests.peers.pki import Pki
from tests.peers.process import lack, need, one_at_a_time
from tests.plugins.ews.conftest import USER
from tests.plugins.ews.sessions import mail

pytestmark = pytest.mark.slow
_HOME = Path(operations.__file__).parent / "second_client"


@pytest.fixture(scope="module")
def client(pytestconfig: pytest.Config) -> Path:
    """The client, installed by npm into pytest's cache."""
    folder: Path = pytestconfig.cache.mkdir("ews-client")
    with one_at_a_time(folder):
        for name in ("package.json", "package-lock.json", "client.mjs"):
            shutil.copy(_HOME / name, folder / name)
        if not (folder / "node_modules" / "ews-javascript-api").exists():
            command = [need("npm", "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                lack(f"npm cannot install ews-javascript-api: {done.stderr[-500:]}")
    return folder / "client.mjs"


def run(client: Path, given: dict[str, Any], ca: Path, scratch: Path) -> dict[str, Any]:
    settings = scratch / "given.json"
    settings.write_text(json.dumps(given))
    command = [need("node", "nodejs"), str(client), str(settings)]
    environment = os.environ | {"NODE_EXTRA_CA_CERTS": str(ca)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout))


def test_another_client_understands_our_server(ews: FakeEws, pki: Pki, client: Path, tmp_path: Path) -> None:
    """What our server answers, and what the schemas let pass, serves a client that we did not write."""
    store = ews.room.store(USER)
    raws = [store.put(raw_mail(f"No. {n}")).raw for n in range(3)]
    sent = mail()
    given = {"user": USER, "password": ews.users.passwords[USER], "url": ews.url}
    saw = run(client, given | {"mime": sent.to_bytes().decode(), "message_id": sent.message_id}, pki.ca, tmp_path)
    assert (saw["listed"], saw["found"]) == (3, 1)
    assert base64.b64decode(saw["mime"]) == raws[0]
    assert list(store.folders[store.known["drafts"]].mails) == [saw["moved"]]
    assert [len(store.folders[store.known[name]].mails) for name in ("inbox", "deleteditems")] == [1, 1]
