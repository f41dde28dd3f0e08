"""manage.py runworker: what of its command line is refused, and the status it ends with."""

from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings

from django_taskq.jobs.tenants import Tenants
from django_taskq.management.commands.runworker import Command
from django_taskq.management.plans import LONGEST_ID, plans_of
from django_taskq.worker.process import Plan
from tests.management.calls import call

POOLS = {
    "mail": {"backend": "default", "queues": ["emails"], "threads": 4},
    "acme": {
        "backend": "default",
        "tenants": ["acme", ""],
        "steal": ["initech", "acme"],
        "poll_interval": 0.5,
    },
    "rest": {
        "backend": "default",
        "tenants": ("acme",),
        "steal": "*",
        "exclude_queues": ["slow"],
        "async_concurrency": 7,
    },
}


def plans(*words: str) -> tuple[Plan, ...]:
    """Return the plans that a command line leads to."""
    parser = Command().create_parser("manage.py", "runworker")
    return plans_of(vars(parser.parse_args(words)))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--threads", "0"], "--threads: expected a whole number of at least 1, got '0'"),
        (["--max-jobs", "many"], "--max-jobs: expected a whole number of at least 1"),
        (["--grace", "-1"], "--grace: expected seconds from 0 to 86400, got '-1'"),
        (["--grace", "inf"], "--grace: expected seconds from 0 to 86400, got 'inf'"),
        (["--grace", "nan"], "--grace: expected seconds from 0 to 86400, got 'nan'"),
        (["--poll-interval", "0"], "--poll-interval: expected seconds from 0.01 to 86400"),
        (["--poll-interval", "1e9"], "--poll-interval: expected seconds from 0.01 to 86400"),
        (["--queues", ","], "--queues: expected names separated by commas"),
        (["--tenants", ""], "--tenants: expected names separated by commas, or @ and a file"),
        (["--tenants", ""], "'-' stands for jobs without a tenant"),
        (["--tenants", "a\nb"], "--tenants: expected printable characters only"),
        (["--tenants", "a," + "x" * 129], "--tenants: expected text of at most 128 characters"),
        (["--tenants", "@/no/such/file"], "--tenants: the file '/no/such/file' cannot be read"),
        (["--steal", "a"], "--steal: a worker steals when its own tenants have nothing"),
        (["--steal", "*"], "Name these with --tenants, or leave --steal out"),
        (["--steal", ",", "--tenants", "a"], "--steal: expected names separated by commas"),
        (
            ["--scheduler-only", "--burst"],
            "--scheduler-only: it takes no jobs, so that with --burst",
        ),
        (["mail", "--scheduler-only"], "--scheduler-only: pools are there to take jobs"),
        (["--name", "a\nb"], "--name: expected printable characters only"),
        (["--name", "x" * 101], "--name: expected text of at most 100 characters"),
    ],
)
def test_a_wrong_option_is_refused_with_what_was_expected(words: list[str], told: str) -> None:
    assert told in call("runworker", *words).err


@pytest.mark.parametrize(
    ("alias", "told"),
    [
        ("nowhere", "--backend: TASKS has no alias 'nowhere'"),
        ("threads", "--backend: 'threads' is worked by its own process"),
    ],
)
def test_an_alias_that_cannot_be_worked_is_a_wrong_command_line(alias: str, told: str) -> None:
    called = call("runworker", "--backend", alias)
    assert called.status == 2
    assert told in called.err


@override_settings(TASKS={"default": {"BACKEND": "django_taskq.backends.ThreadPoolBackend"}})
def test_without_a_durable_alias_there_is_nothing_to_work() -> None:
    called = call("runworker")
    assert called.status == 2
    assert "No alias in TASKS needs a worker." in called.err


def test_a_queue_that_nobody_can_enqueue_to_is_told(caplog: pytest.LogCaptureFixture) -> None:
    entry = settings.TASKS["default"] | {"QUEUES": ["emails"]}
    with override_settings(TASKS={"default": entry}):
        plans("--queues", "emials,emails")
    assert "--queues: QUEUES of TASKS['default'] has no 'emials'" in caplog.text
    assert "has no 'emails'" not in caplog.text


# Whom a worker serves.


def served(*words: str) -> tuple[Tenants | None, Tenants | None]:
    (plan,) = plans("--backend", "default", *words)
    return plan.settings.tenants, plan.settings.steal


def test_without_tenants_a_worker_serves_everybody() -> None:
    assert served() == (None, None)


def test_tenants_are_named_with_commas_and_those_without_one_by_a_dash() -> None:
    assert served("--tenants", " acme, globex,-") == (Tenants(["acme", "globex", ""]), None)


def test_tenants_can_stand_in_a_file_one_in_each_line(tmp_path: Path) -> None:
    file = tmp_path / "tenants.txt"
    file.write_text("\n".join(f"tenant, {number}" for number in range(20_000)) + "\n\n-\n")
    tenants, _ = served("--tenants", f"@{file}")
    assert tenants == Tenants(["", *(f"tenant, {number}" for number in range(20_000))])


def test_what_is_both_own_and_stolen_is_own() -> None:
    own = Tenants(["a", "b"])
    assert served("--tenants", "a,b", "--steal", "b,c") == (own, Tenants(["c"]))
    assert served("--tenants", "a,b", "--steal", "b") == (own, None)


def test_a_star_steals_from_all_but_the_own() -> None:
    _, steal = served("--tenants", "a,-", "--steal", "*")
    assert steal == Tenants(["a", ""], is_rest=True)
    assert ("a" in steal, "" in steal, "b" in steal) == (False, False, True)


# Named pools.


@override_settings(TASKQ={"WORKERS": POOLS})
def test_each_pool_is_a_worker_of_its_own_with_what_it_says() -> None:
    mail, acme = plans("mail", "acme", "mail")
    assert (mail.alias, mail.settings.pool, mail.settings.queues, mail.settings.threads) == (
        "default", "mail", ("emails",), 4,
    )  # fmt: skip
    assert (acme.settings.tenants, acme.settings.steal) == (
        Tenants(["acme", ""]), Tenants(["initech"]),
    )  # fmt: skip
    assert (acme.settings.poll_interval, acme.settings.threads) == (0.5, 10)


@override_settings(TASKQ={"WORKERS": POOLS})
def test_options_that_no_pool_has_go_for_all_of_them() -> None:
    words = ("--burst", "--grace", "3", "--max-jobs", "9", "--name", "box")
    found = [plan.settings for plan in plans("mail", "rest", *words)]
    assert {(s.is_burst, s.grace, s.max_jobs, s.name) for s in found} == {(True, 3.0, 9, "box")}
    assert found[1].steal == Tenants(["acme"], is_rest=True)
    assert (found[1].excluded_queues, found[1].async_concurrency) == (frozenset({"slow"}), 7)


@override_settings(TASKQ={"WORKERS": POOLS})
def test_the_ids_and_threads_of_a_pools_workers_name_it() -> None:
    (mail,) = plans("mail", "--name", "n" * 77)
    id = mail.settings.new_worker_id()
    assert id.startswith("n" * 77 + "/mail:")
    assert mail.settings.introduce(id).name == "n" * 77 + "/mail"
    assert mail.settings.thread_name("default") == "taskq-mail-default"


@override_settings(
    TASKQ={"WORKERS": {"all": {}}},
    TASKS=settings.TASKS | {"second": settings.TASKS["default"]},
)
def test_a_pool_without_a_backend_works_every_alias_that_needs_a_worker() -> None:
    assert [plan.alias for plan in plans("all")] == [plan.alias for plan in plans()]
    assert len(plans("all")) > 1


@override_settings(TASKQ={"WORKERS": POOLS})
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["male"], "TASKQ['WORKERS'] has no pool 'male'. It has mail, acme, rest."),
        (["mail", "--queues", "a"], "--queues: a pool says that by itself. Set 'queues' of"),
        (["mail", "--tenants", "a"], "--tenants: a pool says that by itself."),
        (["mail", "--steal", "*"], "--steal: a pool says that by itself."),
        (["mail", "--threads", "10"], "--threads: a pool says that by itself."),
        (["mail", "--backend", "default"], "--backend: a pool says that by itself."),
        (["mail", "--poll-interval", "1"], "--poll-interval: a pool says that by itself."),
    ],
)
def test_a_command_line_that_does_not_go_with_a_pool_is_refused(
    words: list[str], told: str
) -> None:
    called = call("runworker", *words)
    assert called.status == 2
    assert told in called.err


@override_settings(TASKQ={"WORKERS": {"p" * 40: {}}})
def test_a_name_that_leaves_the_pool_no_room_is_refused() -> None:
    called = call("runworker", "p" * 40, "--name", "x" * 79)
    assert called.status == 2
    assert "--name: expected at most 78 characters beside the pool" in called.err
    (plan, *_) = plans("p" * 40, "--name", "x" * 78)
    assert len(plan.settings.new_worker_id()) == LONGEST_ID


def test_without_pools_the_settings_have_none() -> None:
    called = call("runworker", "mail")
    assert called.status == 2
    assert "TASKQ['WORKERS'] has no pool 'mail'. It has none." in called.err


@override_settings(TASKQ={"WORKERS": {"mail": {"threads": 0}}})
def test_a_bad_pool_is_no_pool_to_run() -> None:
    called = call("runworker", "mail")
    assert called.status == 2
    assert "TASKQ['WORKERS']['mail']: 'threads': expected a whole number" in called.err


@override_settings(TASKQ={"WORKERS": POOLS | {"quiet": {"scheduler": False}}})
def test_one_worker_of_a_process_fires_the_schedules_of_an_alias() -> None:
    assert [plan.settings.is_scheduler for plan in plans("quiet", "mail", "acme")] == [
        *[False] * (len(plans("quiet"))),
        True,
        False,
    ]
    assert not any(plan.settings.is_scheduler for plan in plans("mail", "--no-scheduler"))


def test_a_worker_may_leave_schedules_to_others_or_do_nothing_else() -> None:
    (plain,), (none,), (only,) = (
        plans("--backend", "default", *words)
        for words in ((), ("--no-scheduler",), ("--scheduler-only",))
    )
    assert (plain.settings.is_scheduler, plain.settings.is_idle) == (True, False)
    assert (none.settings.is_scheduler, none.settings.is_idle) == (False, False)
    assert (only.settings.is_scheduler, only.settings.is_idle) == (True, True)
