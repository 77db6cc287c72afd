"""The kit as its manual shows it: the examples are files that pytest runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent.parent / "docs" / "how-to" / "test-a-transport.md"
FILES = dict(re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the files of the page, in which a warning is an error."""
    settings = "[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function\n"
    (tmp_path / "pytest.ini").write_text(settings)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("test_")])
def test_the_examples_pass(project: Path, name: str) -> None:
    """Each file of the page runs in a project that has nothing but the kit; nothing fails, something passes."""
    command = [sys.executable, "-m", "pytest", "-q", name]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) >= 3


def test_a_failed_case_is_explained(project: Path) -> None:
    """The installed cases show values when they fail, as a project's own tests do."""
    path = project / "test_my_transport.py"
    path.write_text(path.read_text().replace("self.server.refused.add(address)", "self.server.deferred.add(address)"))
    command = [sys.executable, "-m", "pytest", "-q", "-k", "test_partial_refusal_is_a_receipt", path.name]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Status.DEFERRED" in done.stdout
    assert "Status.REFUSED" in done.stdout
