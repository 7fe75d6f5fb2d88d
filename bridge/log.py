"""Logging, set up in one place: structlog for us, the standard library's loggers of others through the same pipe.

Every line has a UTC time, a level, the logger's name and an event. Secrets are masked on the way out, whoever logs.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "***"

_SECRET_KEY = re.compile(r"passw|secret|token|api_?key|authorization|credential|signature", re.IGNORECASE)
_FIX_SECRET = re.compile(r"((?:^|[\x01|])(?:554|925|96)=)[^\x01|]*")
"""Password(554), NewPassword(925), RawData(96) of a Logon(A), in a message as sent or printed with bars."""
_URL_SECRET = re.compile(r"(\w+://[^\s/:@]*):[^\s/@]+@")
_BEARER = re.compile(r"(?i)(bearer\s+|fbt_)[A-Za-z0-9._~+/=-]+")


def mask_text(text: str) -> str:
    """`text` without the FIX passwords, URL passwords and bearer tokens in it."""
    text = _FIX_SECRET.sub(rf"\g<1>{MASK}", text)
    text = _URL_SECRET.sub(rf"\g<1>:{MASK}@", text)
    return _BEARER.sub(rf"\g<1>{MASK}", text)


def mask(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The processor that masks: whole values under telling keys, and telling parts of any text."""
    return {key: _masked(key, value) for key, value in event.items()}


def set_up(*, level: str = "info", format: str = "auto", stream: TextIO | None = None) -> None:  # noqa: A002
    """Send all logging to `stream` (standard error) from now on.

    `format` is console, json, or auto: console on a terminal, json elsewhere. May be called again.
    """
    stream = sys.stderr if stream is None else stream
    console = format == "console" or (format == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    render: list[Processor] = (
        [mask, structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=_plain_exception)]
        if console
        else [structlog.processors.format_exc_info, mask, structlog.processors.JSONRenderer(default=str)]
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("asyncio", "aiomqtt", "uvicorn.access", "websockets", "httpx"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _masked(key: str, value: Any) -> Any:
    if isinstance(value, bool | int | float) or value is None:
        return value
    if _SECRET_KEY.search(key):
        return MASK
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, bytes):
        return mask_text(value.decode("utf-8", "backslashreplace"))
    if isinstance(value, MutableMapping):
        return {name: _masked(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(key, inner) for inner in value]
    return value


def _plain_exception(stream: TextIO, exc_info: Any) -> None:
    # The pretty traceback prints local variables, and those may hold what must not be printed.
    structlog.dev.plain_traceback(stream, exc_info)
