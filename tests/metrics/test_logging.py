"""Log lines as an operator's tools read them."""

import contextvars
import io
import json
import logging
import threading
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import structlog
from msgspec.structs import replace

from stretto.metrics import CallIds, call_ids, configure_logging, get_logger, request_id

pytestmark = pytest.mark.usefixtures("restored_logging")

IDS = CallIds(run_id="0193", workflow="ops.health", task="check", item_index=7)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def colours_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def only_line(stream: io.StringIO) -> dict[str, Any]:
    (line,) = lines(stream)
    return line


def test_a_line_is_one_json_object(stream: io.StringIO) -> None:
    """Without a terminal, a line holds event, level, logger, UTC time and its fields with their types."""
    configure_logging(stream=stream)
    get_logger("stretto.test").info("run_finished", run_id="r1", items=1000, ok=True, share=0.5, none=None)
    line = only_line(stream)
    stamp = line.pop("timestamp")
    assert stamp.endswith("Z")
    assert datetime.fromisoformat(stamp).tzinfo == UTC
    assert line == {
        "event": "run_finished",
        "level": "info",
        "logger": "stretto.test",
        "run_id": "r1",
        "items": 1000,
        "ok": True,
        "share": 0.5,
        "none": None,
    }


def test_lines_below_the_level_are_left_out(stream: io.StringIO) -> None:
    """The level applies to structlog's loggers and to the standard library's alike."""
    configure_logging("warning", stream)
    logger = get_logger("stretto.test")
    for write in (logger.debug, logger.info, logger.warning, logger.error):
        write("structlog")
    standard = logging.getLogger("stretto.test")
    for write_standard in (standard.debug, standard.info, standard.warning, standard.error):
        write_standard("standard")
    assert [(line["event"], line["level"]) for line in lines(stream)] == [
        ("structlog", "warning"),
        ("structlog", "error"),
        ("standard", "warning"),
        ("standard", "error"),
    ]


def test_an_unknown_level_is_an_error_that_lists_the_known_ones() -> None:
    """A misspelt level changes nothing, and the error names the valid ones."""
    before = logging.getLogger().handlers.copy()
    with pytest.raises(ValueError, match="DEBUG, INFO, WARNING, ERROR, CRITICAL"):
        configure_logging("verbose")
    assert logging.getLogger().handlers == before


def fail_with_a_secret_at_hand() -> None:
    secret = "-".join(["hunter", "2"])
    raise LookupError(f"no server of {len(secret)} letters")


def test_an_exception_is_one_field(stream: io.StringIO) -> None:
    """A traceback is text in the field `exception`, and shows no local variables."""
    configure_logging(stream=stream)
    try:
        fail_with_a_secret_at_hand()
    except LookupError:
        get_logger("stretto.test").exception("action_failed")
        logging.getLogger("stretto.test").exception("action failed")
    for line in lines(stream):
        assert line["level"] == "error"
        assert line["exception"].startswith("Traceback (most recent call last):\n")
        assert line["exception"].endswith("LookupError: no server of 8 letters")
        assert "exc_info" not in line
        assert "hunter-2" not in line["exception"]
    assert len(lines(stream)) == 2


def test_values_that_json_does_not_know_become_text(stream: io.StringIO) -> None:
    """Datetimes, exceptions and arbitrary objects are rendered as text."""
    configure_logging(stream=stream)
    get_logger("t").info("e", at=datetime(2026, 1, 2, tzinfo=UTC), error=ValueError("no"), kind=complex(1, 2))
    line = only_line(stream)
    assert (line["at"], line["error"], line["kind"]) == ("2026-01-02T00:00:00Z", "no", "(1+2j)")


class Unprintable:
    def __repr__(self) -> str:
        raise LookupError("no repr")


def test_values_that_cannot_be_rendered_never_fail_the_caller(stream: io.StringIO) -> None:
    """Odd keys, surrogates, huge integers, cycles and broken objects change form, but the line is written."""
    configure_logging(stream=stream)
    cycle: list[object] = []
    cycle.append(cycle)
    get_logger("t").info(
        "e",
        keys={(1, 2): 3},
        half="\ud800",
        huge=10**5000,
        cycle=cycle,
        broken=Unprintable(),
        fine=[1, {"a": 2}],
    )
    line = only_line(stream)
    assert line["event"] == "e"
    assert line["keys"] == {"(1, 2)": 3}
    assert line["half"] == "'\\ud800'"
    assert line["huge"] == "<int without a repr>"
    assert line["cycle"] == "[[...]]"
    assert line["broken"] == "<Unprintable without a repr>"
    assert line["fine"] == [1, {"a": 2}]


def test_lines_carry_the_ids_of_their_call(stream: io.StringIO) -> None:
    """While `call_ids` is set, an action's own lines name run, workflow, task and item."""
    configure_logging(stream=stream)
    token = call_ids.set(IDS)
    structlog.get_logger().info("from structlog")
    logging.getLogger("some.library").info("from %s", "logging")
    call_ids.reset(token)
    get_logger("t").info("outside")
    first, second, outside = lines(stream)
    for line in (first, second):
        assert {field: line[field] for field in IDS.as_fields()} == IDS.as_fields()
    assert second["event"] == "from logging"
    assert outside.keys() & IDS.as_fields().keys() == set()


def test_lines_carry_the_id_of_their_request(stream: io.StringIO) -> None:
    """Also those of libraries. A line that names a request itself keeps that one."""
    configure_logging(stream=stream, style="json")
    token = request_id.set("7cda37b14a23b0e7")
    try:
        get_logger("stretto.test").info("refused")
        logging.getLogger("library").warning("slow")
        get_logger("stretto.test").info("lost", request="other")
    finally:
        request_id.reset(token)
    get_logger("stretto.test").info("idle")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line.get("request") for line in lines] == ["7cda37b14a23b0e7", "7cda37b14a23b0e7", "other", None]


def test_a_task_without_items_has_no_item_index(stream: io.StringIO) -> None:
    """Ids that do not apply are left out, and a line's own fields win."""
    configure_logging(stream=stream)
    context = contextvars.copy_context()
    context.run(call_ids.set, replace(IDS, item_index=None))
    context.run(get_logger("t").info, "e", task="another")
    line = only_line(stream)
    assert "item_index" not in line
    assert (line["run_id"], line["task"]) == ("0193", "another")


def test_the_standard_library_goes_through_the_same_renderer(stream: io.StringIO) -> None:
    """A record has its logger's name, level, time and extra fields, with or without other handlers."""
    configure_logging(stream=stream)
    logging.getLogger().handlers.insert(0, logging.StreamHandler(io.StringIO()))
    logging.getLogger("asyncio").warning("Executing %s took long", "task", extra={"seconds": 0.2})
    line = only_line(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "Executing task took long",
        "level": "warning",
        "logger": "asyncio",
        "seconds": 0.2,
    }


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
@pytest.mark.parametrize("library", ["pykka", "httpx", "httpcore"])
def test_chatty_libraries_are_shown_from_warning_up(stream: io.StringIO, library: str, level: str) -> None:
    """Pykka's returned exceptions and httpx's requests, both INFO, are left out; their warnings are not."""
    configure_logging(level, stream)
    logging.getLogger(library).info("Exception returned from actor to caller")
    logging.getLogger(f"{library}.inner").warning("Actor died")
    assert only_line(stream)["event"] == "Actor died"


def test_a_real_request_of_httpx_logs_nothing(stream: io.StringIO) -> None:
    """httpx's line for each request stays out of the log."""
    configure_logging("DEBUG", stream)
    transport = httpx.MockTransport(lambda _request: httpx.Response(200))
    with httpx.Client(transport=transport) as client:
        client.get("http://example.test/")
    assert [line for line in lines(stream) if line["logger"].startswith("http")] == []


def test_configuring_twice_duplicates_no_line_and_moves_the_stream(stream: io.StringIO) -> None:
    """A second configuration replaces stream, level and style, also for loggers that were used before."""
    logger, foreign, standard = (
        get_logger("stretto.test"),
        structlog.get_logger(),
        logging.getLogger("stretto.x"),
    )
    for _ in range(2):
        configure_logging("INFO", stream)
    logger.info("first")
    foreign.info("first")
    standard.info("first")
    assert len(lines(stream)) == 3

    second = io.StringIO()
    configure_logging("DEBUG", second, style="console")
    logger.debug("second")
    foreign.info("second")
    standard.debug("second")
    assert len(lines(stream)) == 3
    assert len(second.getvalue().splitlines()) == 3

    configure_logging("ERROR", stream)
    logger.warning("third")
    standard.warning("third")
    assert len(lines(stream)) == 3


def test_standard_error_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a stream, lines go to the standard error of the time of the call."""
    configure_logging()
    get_logger("t").info("hello")
    captured = capsys.readouterr()
    assert json.loads(captured.err)["event"] == "hello"
    assert captured.out == ""


def test_a_terminal_gets_coloured_lines() -> None:
    """On a terminal a line is for people, with colours."""
    terminal = Terminal()
    configure_logging(stream=terminal)
    get_logger("t").info("hello", run_id="r1")
    logging.getLogger("pykka").warning("beware")
    hello, beware = terminal.getvalue().splitlines()
    assert "\x1b[" in hello
    assert "hello" in hello
    assert "beware" in beware


@pytest.mark.parametrize(("no_color", "coloured"), [("1", False), ("0", False), ("", True)])
def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch, *, no_color: str, coloured: bool) -> None:
    """NO_COLOR turns the colours off unless it is empty."""
    monkeypatch.setenv("NO_COLOR", no_color)
    terminal = Terminal()
    configure_logging(stream=terminal)
    get_logger("t").info("hello")
    assert ("\x1b[" in terminal.getvalue()) == coloured


def test_the_style_can_be_chosen(stream: io.StringIO) -> None:
    """JSON on a terminal and plain console lines in a file are possible."""
    terminal = Terminal()
    configure_logging(stream=terminal, style="json")
    get_logger("t").info("hello")
    assert json.loads(terminal.getvalue())["event"] == "hello"
    configure_logging(stream=stream, style="console")
    get_logger("t").info("hello")
    assert "hello" in stream.getvalue()
    assert "\x1b[" not in stream.getvalue()


def test_console_tracebacks_show_no_local_variables() -> None:
    """A traceback on a terminal has no local variables, which may be secrets."""
    terminal = Terminal()
    configure_logging(stream=terminal)
    try:
        fail_with_a_secret_at_hand()
    except LookupError:
        get_logger("t").exception("failed")
    assert "LookupError" in terminal.getvalue()
    assert "hunter-2" not in terminal.getvalue()


def test_threads_never_share_a_line(stream: io.StringIO) -> None:
    """Lines of structlog and logging from many threads are never mixed."""
    configure_logging(stream=stream)
    together = threading.Barrier(8)

    def write(number: int) -> None:
        together.wait()
        for _ in range(50):
            get_logger("a").info("structlog", number=number, padding="x" * 500)
            logging.getLogger("b").info("standard")

    workers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    events = [line["event"] for line in lines(stream)]
    assert (events.count("structlog"), events.count("standard")) == (400, 400)


def test_a_closed_stream_fails_no_caller(stream: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    """Logging to a closed stream neither raises nor writes elsewhere, because a run must not fail by its log."""
    configure_logging(stream=stream)
    stream.close()
    get_logger("t").info("hello")
    logging.getLogger("t").info("hello")
    assert capsys.readouterr() == ("", "")


def test_a_stream_of_few_characters_gets_escapes() -> None:
    """Characters that the stream cannot encode are escaped, and the line is written."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    configure_logging(stream=stream)
    get_logger("t").info("überwacht")
    assert json.loads(raw.getvalue().replace(b"\\xfc", b"\\u00fc"))["event"] == "überwacht"


def test_a_bad_record_of_a_library_raises_nothing(stream: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    """A logging call with wrong arguments is reported as logging does, and does not raise."""
    root = logging.getLogger()
    root.handlers.clear()
    configure_logging(stream=stream)
    logging.getLogger("careless").info("%d items", "many")
    assert stream.getvalue() == ""
    assert "Logging error" in capsys.readouterr().err


def test_texts_in_console_lines_cannot_command_a_terminal() -> None:
    """Neither an event nor a field: escapes are replaced, and a traceback keeps its lines."""
    stream = io.StringIO()
    configure_logging("INFO", stream, style="console")
    nasty = "a\x1b[2J\x9b31mb\u202ec\rd"
    structlog.get_logger("test").info(nasty, text=nasty, inside=[nasty])
    logging.getLogger("test").warning("%s", nasty)
    logging.getLogger("test").error("failed", exc_info=ValueError(nasty))
    shown = stream.getvalue()
    assert shown.count("a\N{REPLACEMENT CHARACTER}[2J") == 4
    assert shown.replace("\n", "").isprintable()
    assert len(shown.splitlines()) == 4
