"""``python -m mailport`` and the command ``mailport``."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line, or say how to install it."""
    try:
        _check_extra()
        from mailport.cli.app import app  # noqa: PLC0415 - needs the extra

        app(prog_name="mailport")
    except KeyboardInterrupt:  # while modules were still being imported
        raise SystemExit(130) from None


def _check_extra() -> None:
    try:
        import click  # noqa: F401, PLC0415 - an extra
    except ImportError:
        sys.stderr.write("The command line is an extra: install it with  pip install 'mailport[cli]'\n")
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
