"""Every example of the guide to the REST API runs as it is written, against a real server."""

import asyncio
import os
import re
import socket
from pathlib import Path

import pytest
import uvicorn

from mailport_workspace.access.caller import Scope
from mailport_workspace.api.app import create_app
from tests.workspace.api.conftest import token_of

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "rest-api.md"
BLOCKS = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
async def served(workspace):
    """The address of a server."""
    server = uvicorn.Server(uvicorn.Config(create_app(workspace), log_config=None, ws="none", timeout_graceful_shutdown=5))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(server.serve([listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await serving


async def run(block, folder, environ):
    """Run a block in a shell that stops at the first error."""
    shell = await asyncio.create_subprocess_exec(
        "bash",
        "-euo",
        "pipefail",
        "-c",
        block,
        cwd=folder,
        env=os.environ | environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, errors = await asyncio.wait_for(shell.communicate(), 60)
    assert shell.returncode == 0, f"{block}\n{said.decode()}{errors.decode()}"
    return said.decode()


async def test_the_examples_run_in_their_order(served, people, workspace, tmp_path):
    """A reader who copies them one after the other meets no error."""
    token = await token_of(workspace, people.actor.ann, Scope.ADMIN)
    environ = {"MAILPORT": served, "TOKEN": token, "no_proxy": "*"}
    said = [await run(block, tmp_path, environ) for block in BLOCKS]
    assert len(said) >= 10
    twice = next(answer for block, answer in zip(BLOCKS, said, strict=True) if "Idempotency-Key" in block)
    assert re.findall(r'"is_new":(\w+)', twice) == ["true", "false"]
