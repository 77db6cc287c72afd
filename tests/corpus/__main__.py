"""Write the corpus as files: ``python -m tests.corpus FOLDER``."""

import sys
from pathlib import Path

from tests.corpus import cases

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for case in cases():
    (folder / f"{case.name}.eml").write_bytes(case.raw)
