"""Logging: one pipe for all loggers, and no secret through it."""

import io
import json
import logging

import pytest
import structlog

from bridge import log


@pytest.fixture
def lines(monkeypatch):
    """Log as JSON into a list; the loggers of other tests get their handlers back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    log.set_up(level="debug", format="json", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_has_time_level_logger_and_event(lines):
    structlog.get_logger("bridge.test").info("order taken", cl_ord_id="A-1", qty=3)
    (line,) = lines()
    assert (line["event"], line["level"], line["logger"], line["cl_ord_id"], line["qty"]) == (
        "order taken",
        "info",
        "bridge.test",
        "A-1",
        3,
    )
    assert line["timestamp"].endswith("Z")


def test_loggers_of_other_libraries_come_through_the_same_pipe(lines):
    logging.getLogger("uvicorn.error").warning("port %d", 5)
    (line,) = lines()
    assert (line["event"], line["logger"]) == ("port 5", "uvicorn.error")


@pytest.mark.parametrize(
    "key", ["password", "Password", "api_key", "apiSecret", "token", "authorization", "credentials"]
)
def test_values_under_telling_keys_are_masked(lines, key):
    structlog.get_logger("t").info("x", **{key: "hunter2"})
    assert lines()[0][key] == "***"


@pytest.mark.parametrize(
    "text",
    [
        "8=FIX.4.4\x0135=A\x01553=ann\x01554=hunter2\x0110=000\x01",
        "8=FIX.4.4|35=A|553=ann|554=hunter2|10=000|",
        "8=FIX.4.4|35=A|95=7|96=hunter2|10=000|",
        "8=FIX.4.4|35=BE|925=hunter2|10=000|",
        "mqtts://ann:hunter2@broker:8883",
        "Authorization: Bearer hunter2",
        "fbt_hunter2",
    ],
)
def test_telling_parts_of_any_text_are_masked(lines, text):
    logger = structlog.get_logger("t")
    logger.info(text, raw=text.encode(), inside={"deep": [text]})
    logging.getLogger("other").info("%s", text)
    said = json.dumps(lines())
    assert "hunter2" not in said
    assert said.count("***") == 4


def test_a_fix_message_keeps_all_but_its_password():
    assert log.mask_text("8=FIX.4.4|1554=x|554=p|10=000|") == "8=FIX.4.4|1554=x|554=***|10=000|"


def test_an_exception_is_logged_with_its_traceback_and_without_secrets(lines):
    try:
        raise ValueError("Bearer hunter2")
    except ValueError:
        structlog.get_logger("t").exception("failed")
    (line,) = lines()
    assert "ValueError: Bearer ***" in line["exception"]


def test_the_console_form_has_no_colours_when_it_is_no_terminal():
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        log.set_up(format="console", stream=stream)
        structlog.get_logger("t").warning("hello", password="hunter2")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
    assert "\x1b" not in stream.getvalue()
    assert "hello" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_levels_below_the_wanted_one_are_not_written():
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        log.set_up(level="warning", format="json", stream=stream)
        structlog.get_logger("t").info("quiet")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
    assert stream.getvalue() == ""
