"""Each distribution builds a wheel that installs alone and holds what it promises."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.slow  # builds and installs every distribution
DISTRIBUTIONS = [ROOT / "core", *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml")), ROOT / "workspace"]
HOSTS = ("core", "workspace")  # distributions without a transport


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """The wheels of all distributions."""
    out = tmp_path_factory.mktemp("wheels")
    for folder in DISTRIBUTIONS:
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(folder)]
        subprocess.run(build, check=True, capture_output=True)
    return sorted(out.iterdir())


def test_wheels_hold_licence_types_and_entry_points(wheels):
    """A wheel has its licence and the marker of its types, a plugin's also its entry point."""
    assert len(wheels) == len(DISTRIBUTIONS)
    for wheel in wheels:
        names = zipfile.ZipFile(wheel).namelist()
        assert any(name.endswith("LICENSE") for name in names), wheel.name
        assert any(name.endswith("py.typed") for name in names), wheel.name
        assert any(name.endswith("entry_points.txt") for name in names), wheel.name
        assert not any("test_" in name for name in names), wheel.name


@pytest.mark.parametrize("folder", DISTRIBUTIONS, ids=lambda folder: folder.name)
def test_each_distribution_installs_alone(folder, wheels, tmp_path):
    """In a fresh environment a distribution brings the core, and a plugin is listed as loaded."""
    subprocess.run([sys.executable, "-m", "virtualenv", "--quiet", tmp_path], check=True)
    python = tmp_path / "bin" / "python"
    (wheel,) = [path for path in wheels if path.name.startswith(_name(folder).replace("-", "_") + "-")]
    find = ["--find-links", str(wheel.parent)]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *find, f"{wheel}"], check=True)
    code = "import mailport; print([(r.distribution, str(r.error)) for r in mailport.Mailport().plugins() if r.distribution])"
    said = subprocess.run([python, "-W", "error", "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    assert said == (str([]) if folder.name in HOSTS else str([(_name(folder), "None")]))


def _name(folder):
    return "mailport" if folder.name == "core" else f"mailport-{folder.name}"


@pytest.mark.parametrize("folder", DISTRIBUTIONS, ids=lambda folder: folder.name)
def test_changelog_fragments_have_a_known_kind(folder):
    """A fragment is named topic.kind.md, so that the changelog can be built."""
    kinds = ("added", "changed", "fixed", "removed", "security")
    fragments = [path.name for path in (folder / "changelog.d").iterdir()]
    assert [name for name in fragments if name.split(".")[1:] not in [[kind, "md"] for kind in kinds]] == []
