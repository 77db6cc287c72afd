"""Logs: one line for each event, with the tenant, inbox and mail it is about; for machines as JSON, or for people.

The standard library's loggers, those of the core, of plugins and of the web server, come the same way as our own.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from enum import StrEnum
from typing import Any, TextIO

import structlog
from structlog.types import Processor

from mailport_workspace.observing.masking import mask_event

__all__ = ["LogFormat", "set_up_logging"]

_OURS = ("mailport", "mailport_workspace")
_ABOUT = ("tenant", "inbox", "message")
_TALKATIVE = ("alembic", "uvicorn.error", "httpx2", "httpcore2", "procrastinate", "urllib3", "asyncio")


class LogFormat(StrEnum):
    """Who reads the log."""

    CONSOLE = "console"
    JSON = "json"


def set_up_logging(format_: LogFormat = LogFormat.CONSOLE, level: str = "info", stream: TextIO | None = None) -> None:
    """Send everything that this process logs to ``stream`` (default: stderr), from ``level`` on."""
    target = stream or sys.stderr
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_shared(), processors=_ending(format_, in_colour=target.isatty()))
    )
    handler.addFilter(_is_told)
    handler.addFilter(_without_query)
    for logger in (logging.getLogger(name) for name in _OURS):
        logger.handlers.clear()  # a command line's own: every line goes one way
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _TALKATIVE:  # they tell of themselves
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def _is_told(line: logging.LogRecord) -> bool:
    """Whether a line is written. Libraries never debug here: drivers repeat parameters, clients whole conversations."""
    return line.levelno >= logging.INFO or line.name.startswith("mailport")


def _without_query(line: logging.LogRecord) -> bool:
    """Cut off what was asked: a provider hands its code over there, and people search for addresses."""
    if line.name == "uvicorn.access" and isinstance(line.args, tuple):
        line.args = tuple(part.partition("?")[0] if isinstance(part, str) else part for part in line.args)
    return True


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _ending(format_: LogFormat, *, in_colour: bool) -> list[Processor]:
    """Return what makes text of a line; masked last of all, so that a traceback is masked as well."""
    remove: Processor = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if format_ is LogFormat.JSON:
        return [
            remove,
            structlog.processors.format_exc_info,
            _name_all,
            mask_event,
            structlog.processors.JSONRenderer(default=str),
        ]
    console = structlog.dev.ConsoleRenderer(colors=in_colour)
    return [remove, structlog.processors.format_exc_info, mask_event, console]


def _name_all(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Let every line have the same first names, so that a search needs no exceptions."""
    for name in _ABOUT:
        event.setdefault(name, "")
    return event
