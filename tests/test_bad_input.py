"""Bad input is an error at enqueue or on its own job; the worker and the other jobs go on."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.tasks import TaskResult, TaskResultStatus, task_backends
from django.tasks.exceptions import TaskResultDoesNotExist
from django.test import override_settings

from django_taskq import JobContext, RetryError, cancel, get_job, task
from django_taskq.control import cancel_many, database_of, retry_many, store_of
from django_taskq.exceptions import InvalidTaskOption
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import Failure, State
from django_taskq.models import Job
from django_taskq.results import result_of
from tests.app import tasks
from tests.each_database import OUR_APPS, on_each_database
from tests.running import DURABLE, POOLS, run_due

ECHO = "tests.app.tasks.echo"
DEEP = 100_000

EVERYWHERE = [
    *POOLS,
    *(
        pytest.param(
            alias,
            marks=pytest.mark.django_db(
                transaction=True, databases=[alias], available_apps=OUR_APPS
            ),
        )
        for alias in DURABLE
    ),
]


@pytest.fixture(params=EVERYWHERE)
def alias(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each TASKS alias of the tests, with an empty store."""
    with override_settings(TASKS=settings.TASKS):
        yield request.param


@task(takes_context=True)
def tell_progress(context: JobContext, number: Any, message: str) -> None:
    """Tell how far the job is."""
    context.progress(float(number), None, message)


@task(takes_context=True)
def keep(context: JobContext, kind: str) -> None:
    """Put what JSON has no form for into the metadata."""
    context.metadata["bad"] = {"nan": math.nan, "set": {1}, "key": {1: 2}}[kind]


@task
def ask_for_a_delay_of(seconds: str) -> None:
    """Ask to run again after so many seconds."""
    raise RetryError(delay=float(seconds))


def answer_of_backoff(error: BaseException, result: TaskResult) -> Any:
    """Return what a backoff rule must not."""
    return {"nan": math.nan, "inf": math.inf, "text": "soon"}[result.args[0]]


@task(max_tries=2, backoff=answer_of_backoff)
def fail_with_backoff(kind: str) -> None:
    """Fail, so that the backoff rule is asked."""
    raise ValueError(kind)


@contextmanager
def others_go_on(alias: str) -> Iterator[None]:
    """Enqueue good jobs around those of the block, run all, expect the good ones to succeed."""
    echo = tasks.echo.using(backend=alias)
    good = [echo.enqueue(n) for n in range(3)]
    yield
    good += [echo.enqueue(n) for n in range(3)]
    run_due(alias)
    for result in good:
        result.refresh()
        assert result.status is TaskResultStatus.SUCCESSFUL


def insert(alias: str, **changed: Any) -> str:
    """Store a job past all checks of enqueue."""
    known = {"id": new_id(), "task": ECHO, "args": "[1]", "kwargs": "{}"}
    return store_of(alias).insert([JobSpec(**(known | changed))])[0].id


def ended(id: str, alias: str) -> JobRecord:
    """Return a job that has ended, and see that all of it can be read."""
    job = get_job(id, alias)
    assert job.is_ended, job
    assert result_of(job).is_finished
    return job


# What a worker cannot load.


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("no.such.module.task", "ModuleNotFoundError"),
        ("tests.app.tasks.gone", "ImportError"),
        ("nonsense", "ImportError"),
        ("", "ImportError"),
        ("os.system", "Expected 'os.system' to be a function decorated with @task"),
        ("tests.app.tasks.exception_of", "to be a function decorated with @task"),
        ("builtins.eval", "to be a function decorated with @task"),
        ("tests.app.tasks.echo.func", "ModuleNotFoundError"),
        ("..", "cannot be imported"),
        ("tests.broken\u202e.task", "cannot be imported"),
    ],
)
def test_a_path_that_leads_to_no_task_fails_its_job(alias: str, path: str, told: str) -> None:
    with others_go_on(alias):
        id = insert(alias, task=path)
    job = ended(id, alias)
    assert (job.state, job.failure) == (State.FAILED, Failure.UNLOADABLE)
    assert told in (job.reason or "")
    assert job.started_at is None
    assert job.errors[-1].exception_class_path == "django_taskq.exceptions.JobUnloadable"


@pytest.mark.parametrize("column", ["args", "kwargs"])
@pytest.mark.parametrize(
    "text",
    [
        "", "[1,", "{", "nonsense", "NaN", "[NaN]", '{"a": Infinity}', "null", "5", '"text"',
        "[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP, "\u0085", "[1]x",
    ],
)  # fmt: skip
def test_arguments_that_cannot_be_read_fail_their_job(alias: str, column: str, text: str) -> None:
    with others_go_on(alias):
        id = insert(alias, **{column: text})
    job = ended(id, alias)
    assert (job.state, job.failure) == (State.FAILED, Failure.UNLOADABLE)
    assert job.reason
    assert len(job.reason) <= 600


@pytest.mark.parametrize(("column", "text"), [("args", '{"a": 1}'), ("kwargs", "[1]")])
def test_arguments_of_the_wrong_shape_fail_their_job(alias: str, column: str, text: str) -> None:
    with others_go_on(alias):
        id = insert(alias, **{column: text})
    assert ended(id, alias).failure == Failure.UNLOADABLE


def test_arguments_that_the_function_does_not_take_fail_their_job(alias: str) -> None:
    with others_go_on(alias):
        id = insert(alias, task="tests.app.tasks.nothing", args="[1,2,3]")
    job = ended(id, alias)
    assert (job.state, job.failure) == (State.FAILED, Failure.ERROR)
    assert job.errors[-1].exception_class_path == "builtins.TypeError"


@pytest.mark.parametrize(
    "options",
    [
        "", "{", "NaN", "[1]", "5", "null", '"x"', '{"max_tries": "x"}', '{"max_tries": []}',
        '{"backoff": {}}', '{"tenant": 5}', '{"metadata": 5}', '{"nonsense": 1}', "[" * DEEP,
        '{"timeout": 5}', '{"func": "os.system"}',
    ],
)  # fmt: skip
def test_task_options_that_cannot_be_used_stop_no_worker(alias: str, options: str) -> None:
    with others_go_on(alias):
        id = insert(alias, options=options)
    ended(id, alias)


@pytest.mark.parametrize("metadata", ["", "{", "NaN", "[1]", "5", "null", "[" * DEEP])
def test_metadata_that_cannot_be_read_stops_no_worker(alias: str, metadata: str) -> None:
    with others_go_on(alias):
        id = insert(alias, metadata=metadata)
    ended(id, alias)


def test_a_job_in_a_queue_that_was_taken_out_of_the_settings_still_runs(alias: str) -> None:
    entry = settings.TASKS[alias] | {"QUEUES": ["default"]}
    with override_settings(TASKS={**settings.TASKS, alias: entry}):
        with others_go_on(alias):
            id = insert(alias, queue="gone")
        assert ended(id, alias).state == State.SUCCESSFUL


def test_many_bad_jobs_among_good_ones_fail_alone(alias: str) -> None:
    bad: list[str] = []
    with others_go_on(alias):
        for n in range(50):
            bad.append(insert(alias, task=f"no.such.task{n}"))
            bad.append(insert(alias, args="[" * (n + 1)))
    assert {ended(id, alias).failure for id in bad} == {Failure.UNLOADABLE}


# What only a row can hold.


def update(id: str, alias: str, **columns: Any) -> None:
    assert Job.objects.using(database_of(alias)).filter(public_id=id).update(**columns) == 1


@pytest.mark.parametrize("state", ["LATER", "ready", "", "PAUSED\x1b"])
@on_each_database
def test_a_job_in_an_unknown_state_stays_and_can_be_looked_at(alias: str, state: str) -> None:
    result = tasks.echo.using(backend=alias).enqueue(1)
    with others_go_on(alias):
        update(result.id, alias, state=state)
    assert get_job(result).state == state
    result.refresh()
    assert result.status is TaskResultStatus.READY
    for verb in (cancel_many, retry_many):
        (change,) = verb([result.id], alias)
        assert change.after == state
    assert get_job(result).state == state


@pytest.mark.parametrize(
    "text", ["", "{", "[1,", "NaN", "{}", '"x"', "5", "null", "[1]", "[" * DEEP]
)
@pytest.mark.parametrize("column", ["worker_ids", "progress", "ctx", "result", "trace"])
@on_each_database
def test_a_column_that_cannot_be_read_stops_no_worker(alias: str, column: str, text: str) -> None:
    result = tasks.echo.using(backend=alias).enqueue(1)
    with others_go_on(alias):
        update(result.id, alias, **{column: text})
    job = ended(result.id, alias)
    assert job.state == State.SUCCESSFUL
    result.refresh()
    assert result.return_value == 1
    assert result.worker_ids


@on_each_database
def test_an_ended_job_with_columns_that_cannot_be_read_still_has_a_result(alias: str) -> None:
    result = tasks.fail.using(backend=alias).enqueue()
    run_due(alias)
    update(
        result.id, alias, args="[1,", kwargs="x", worker_ids="{", metadata="NaN", options="[",
        result="}", task="gone.away", failure="novel",
    )  # fmt: skip
    found = task_backends[alias].get_result(result.id)
    assert found.status is TaskResultStatus.FAILED
    assert (found.args, found.kwargs, found.worker_ids) == ([], {}, [])
    assert found.errors[0].exception_class_path == "builtins.ValueError"


@on_each_database
def test_a_retry_of_a_job_that_cannot_be_loaded_fails_it_again(alias: str) -> None:
    id = insert(alias, task="no.such.task")
    run_due(alias)
    retry_many([id], alias)
    with others_go_on(alias):
        pass
    assert ended(id, alias).failure == Failure.UNLOADABLE


# What enqueue takes, and what it refuses.


@pytest.mark.parametrize(
    "value",
    [
        "x" * 1_000_000, "\x00", "a\x00b", "\ud800", "\udfff\ud800", "\U0010ffff", "\u2028\r\n",
        {"\x00": "\ud800"}, {"": ""}, 10**300, -1.5e-300, [[[[[]]]]], list(range(50_000)),
    ],
    ids=lambda value: ascii(value)[:20],
)  # fmt: skip
def test_unusual_arguments_come_back_as_they_went(alias: str, value: Any) -> None:
    with others_go_on(alias):
        result = tasks.echo.using(backend=alias).enqueue(value)
    result.refresh()
    assert result.return_value == value
    assert result.args == [value]


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def circular() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("make", "kind", "told"),
    [
        (lambda: math.nan, ValueError, "finite"),
        (lambda: {"a": [math.inf]}, ValueError, "finite"),
        (lambda: {1: "a"}, TypeError, "text as a dict key"),
        (lambda: {None: "a"}, TypeError, "text as a dict key"),
        (lambda: {(1, 2): "a"}, TypeError, "text as a dict key"),
        (lambda: nested(DEEP), ValueError, "nested too deeply"),
        (circular, ValueError, "nested too deeply"),
        (object, TypeError, "Unsupported type"),
        (lambda: {1, 2}, TypeError, "Unsupported type"),
        (lambda: b"\xff", ValueError, "not UTF-8"),
        (lambda: [lambda: 1], TypeError, "Unsupported type"),
    ],
)
def test_what_json_cannot_carry_is_refused_at_enqueue(
    alias: str, make: Callable[[], Any], kind: type[Exception], told: str
) -> None:
    echo = tasks.echo.using(backend=alias)
    with others_go_on(alias):
        for args, kwargs in [((make(),), {}), ((), {"value": make()})]:
            with pytest.raises(kind, match=told):
                echo.enqueue(*args, **kwargs)
            with pytest.raises(kind, match=told):
                echo.enqueue_many([((1,), {}), (args, kwargs)])


@pytest.mark.parametrize("depth", [200, 400, 800, 1500, 3000, 10_000])
def test_what_enqueue_takes_a_worker_can_read(alias: str, depth: int) -> None:
    value = nested(depth)
    with others_go_on(alias):
        try:
            result = tasks.echo.using(backend=alias).enqueue(value)
        except ValueError as error:
            assert "nested too deeply" in str(error)  # noqa: PT017
            return
    assert ended(result.id, alias).state in {State.SUCCESSFUL, State.FAILED}


@pytest.mark.parametrize("name", ["a\x00b", "\ud800", "a\nb", "x" * 129, "\x1b[2J", "a "])
def test_names_that_cannot_be_stored_or_shown_are_refused(alias: str, name: str) -> None:
    with others_go_on(alias):
        for option in ("tenant", "queue_name"):
            with pytest.raises(InvalidTaskOption, match=option):
                tasks.echo.using(backend=alias, **{option: name}).enqueue(1)


@pytest.mark.parametrize("metadata", [{"a": math.nan}, {1: "a"}, {"a": {1, 2}}])
def test_metadata_that_json_cannot_carry_is_refused(alias: str, metadata: Any) -> None:
    with pytest.raises(InvalidTaskOption, match="metadata"):
        tasks.echo.using(backend=alias, metadata=metadata).enqueue(1)


@pytest.mark.parametrize("id", ["", "x", "\x00", "\ud800", "1" * 32 + "\x00", "{}", "a" * 10_000])
def test_an_id_that_is_none_is_unknown(alias: str, id: str) -> None:
    for ask in (get_job, cancel):
        with pytest.raises(TaskResultDoesNotExist):
            ask(id, alias)


# What a running job says.


@pytest.mark.parametrize("kind", ["nan", "set", "key"])
def test_metadata_that_cannot_be_stored_fails_its_job(alias: str, kind: str) -> None:
    with others_go_on(alias):
        result = keep.using(backend=alias).enqueue(kind)
    assert ended(result.id, alias).state == State.FAILED


@pytest.mark.parametrize("number", ["nan", "inf"])
def test_progress_that_is_no_number_fails_its_job(alias: str, number: str) -> None:
    with others_go_on(alias):
        result = tell_progress.using(backend=alias).enqueue(number, "half")
    assert ended(result.id, alias).state == State.FAILED


@pytest.mark.parametrize("wrong", [("half", None), (1, "two"), (True, None), (None, 2)])
def test_progress_in_words_is_refused_where_it_is_told(wrong: Any) -> None:
    nothing: Any = None
    context = JobContext(
        task_result=nothing, tenant="", _notepad=nothing, _poke=nothing, _is_stopping=nothing
    )
    with pytest.raises(TypeError, match=r"(done|total): expected a number"):
        context.progress(*wrong)


@pytest.mark.parametrize("message", ["\x00", "\ud800", "x" * 100_000, "\x1b[2J"])
def test_any_message_can_be_told_as_progress(alias: str, message: str) -> None:
    with others_go_on(alias):
        result = tell_progress.using(backend=alias).enqueue("1", message)
    job = ended(result.id, alias)
    assert job.state == State.SUCCESSFUL
    assert job.progress is not None
    assert job.progress.message == message[:500]


@pytest.mark.parametrize("seconds", ["nan", "inf", "-inf", "1e18", "-5"])
def test_a_delay_that_no_clock_can_hold_stops_no_worker(alias: str, seconds: str) -> None:
    with others_go_on(alias):
        result = ask_for_a_delay_of.using(backend=alias, max_tries=2).enqueue(seconds)
    job = get_job(result)
    assert job.state in {State.FAILED, State.SCHEDULED}
    assert job.errors[-1].exception_class_path == "django_taskq.exceptions.RetryError"


@pytest.mark.parametrize("kind", ["nan", "inf", "text"])
def test_a_backoff_rule_that_answers_nonsense_stops_no_worker(alias: str, kind: str) -> None:
    with others_go_on(alias):
        result = fail_with_backoff.using(backend=alias).enqueue(kind)
    job = get_job(result)
    assert job.state in {State.FAILED, State.SCHEDULED}
    assert "ValueError" in job.errors[-1].traceback


@pytest.mark.parametrize("delay", [timedelta.max, timedelta(days=10**6), -timedelta(days=10**5)])
def test_a_time_to_run_that_no_clock_can_hold_is_refused_or_kept(
    alias: str, delay: timedelta
) -> None:
    with others_go_on(alias):
        try:
            tasks.echo.using(backend=alias, run_after=delay)
        except InvalidTaskOption:
            return
