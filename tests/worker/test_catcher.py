"""Which log records are kept with an attempt, and what is kept of each."""

import logging
from collections.abc import Callable, Iterator
from contextvars import copy_context
from time import monotonic
from typing import Any

import pytest

from django_taskq.context import JobContext, Notepad, current_job, enter_job
from django_taskq.worker.catcher import catch_logs, catching
from tests.worker.claims import claim_of

type Say = Callable[..., str | None]


class Marked(logging.LogRecord):
    """A record as a project's own factory makes it."""

    mark = "mine"


class Unprintable:
    """What has no text."""

    def __str__(self) -> str:
        raise ValueError("no text")


class Loud:
    """What logs while it is made text, itself again."""

    def __str__(self) -> str:
        logging.getLogger("shop").warning("loud %s", self)
        return "loud"


@pytest.fixture
def factory() -> Iterator[None]:
    """Log records are made by a project's factory, within ours."""
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(catching(Marked))
    yield
    logging.setLogRecordFactory(before)


def job_with(notepad: Notepad) -> JobContext:
    class Result:
        id = "an id"

    return JobContext(
        task_result=Result(),  # type: ignore[arg-type]
        tenant="",
        _notepad=notepad,
        _poke=lambda: None,
        _is_stopping=lambda: False,
    )


@pytest.fixture
def say(factory: None) -> Say:
    """Call a function within a job; return what was kept of its log."""

    def say(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str | None:
        notepad = Notepad(claim_of(), {}, monotonic())

        def run() -> None:
            enter_job(job_with(notepad))
            function(*args, **kwargs)

        copy_context().run(run)
        return notepad.logged()

    return say


def body_of(kept: str | None) -> str:
    """Return what stands behind the time of a line."""
    assert kept is not None
    return kept.partition("Z ")[2]


shop = logging.getLogger("shop")


def test_a_record_is_kept_with_its_level_and_logger(say: Say) -> None:
    assert body_of(say(shop.warning, "sold %d of %s", 3, "x")) == "WARNING shop: sold 3 of x"


def test_what_logs_nothing_has_no_log(say: Say) -> None:
    assert say(lambda: None) is None
    assert say(shop.debug, "below the level") is None


def test_outside_of_a_job_nothing_is_kept_and_the_record_is_as_the_project_makes_it(
    factory: None, caplog: pytest.LogCaptureFixture
) -> None:
    assert current_job() is None
    shop.warning("hello")
    assert [record.mark for record in caplog.records] == ["mine"]


@pytest.mark.parametrize(
    "name", ["django_taskq", "django_taskq.worker", "django.tasks", "django.tasks.x"]
)
def test_our_own_loggers_are_left_out(say: Say, name: str) -> None:
    assert say(logging.getLogger(name).warning, "of the worker") is None


@pytest.mark.parametrize("name", ["django_taskq2", "django.tasksy", "django", "root"])
def test_names_that_only_look_like_ours_are_kept(say: Say, name: str) -> None:
    assert body_of(say(logging.getLogger(name).warning, "hi")) == f"WARNING {name}: hi"


def test_an_exception_is_kept_with_its_traceback(say: Say) -> None:
    def fail() -> None:
        try:
            raise LookupError("nothing there")
        except LookupError:
            shop.exception("gone")

    first, second, *_, last = body_of(say(fail)).split("\n")
    assert (first, second) == ("ERROR shop: gone", "Traceback (most recent call last):")
    assert last == "LookupError: nothing there"
    assert body_of(say(shop.exception, "no exception here")) == "ERROR shop: no exception here"


def test_a_stack_that_was_asked_for_is_kept(say: Say) -> None:
    assert "Stack (most recent call last):" in body_of(say(shop.warning, "x", stack_info=True))


@pytest.mark.filterwarnings("ignore")
def test_a_message_that_does_not_format_is_kept_as_it_is(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    monkeypatch.setattr(shop, "propagate", False)
    assert body_of(say(shop.warning, "%d of %d", "x")) == "WARNING shop: %d of %d"
    assert body_of(say(shop.warning, "a %s", Unprintable())) == "WARNING shop: a %s"
    assert say(shop.warning, Unprintable()) is None


def test_what_logs_while_it_is_written_does_not_go_round_for_ever(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop, "propagate", False)
    monkeypatch.setattr(shop, "handlers", [logging.NullHandler()])
    assert body_of(say(shop.warning, "very %s", Loud())) == "WARNING shop: very loud"


def test_a_blank_record_is_not_kept(say: Say) -> None:
    assert say(logging.makeLogRecord, {"name": "shop", "msg": "from elsewhere"}) is None


def test_a_log_by_the_context_is_kept_once_and_is_in_the_processs_log_too(
    say: Say, caplog: pytest.LogCaptureFixture
) -> None:
    def note() -> None:
        job = current_job()
        assert job is not None
        job.log("100 % done")

    with caplog.at_level(logging.INFO, logger="django_taskq.job"):
        kept = say(note)
    assert body_of(kept) == "INFO django_taskq.job: 100 % done"
    assert [record.getMessage() for record in caplog.records] == ["Job an id: 100 % done"]
    with caplog.at_level(logging.ERROR, logger="django_taskq.job"):
        assert body_of(say(note)) == "INFO django_taskq.job: 100 % done"


def test_catching_is_set_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    catch_logs()
    before = logging.getLogRecordFactory()
    catch_logs()
    assert logging.getLogRecordFactory() is before
