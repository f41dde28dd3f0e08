"""The admin's pages in German: nothing of theirs is left in English, and they stay good HTML."""

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone, translation

from django_taskq import control, get_job, models, rulings
from django_taskq.admin import cells
from django_taskq.jobs.durations import lasting
from django_taskq.jobs.states import Failure
from django_taskq.models import Queue, Schedule, Tenant
from django_taskq.stores.base import Store
from tests.admin.pages import LIST, SignIn, rows, told
from tests.app import gates, tasks
from tests.deadlines import wait_until
from tests.management.calls import call
from tests.running import run_due
from tests.stores.jobs import WORKER, claim_one, join
from tests.translations.catalogue import read

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

APP = "/admin/django_taskq/"
VOID = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source"})
# Stands between the pieces of a page.
SEPARATOR = "\x1f"
# Attributes that a reader sees or hears.
TOLD_ATTRIBUTES = ("aria-label", "placeholder", "title", "alt")

# A word of Django's own pages that its German catalogue does not have yet, and what is a name.
LEFT = frozenset({"Run", *map(str, Failure)})

SURE = {"confirmed": "yes"}
# What is asked, or done where it is sure, to all rows; jobs are there until the last.
ACTIONS: tuple[tuple[Any, str, dict[str, Any]], ...] = (
    (models.Job, "retry_jobs", {}),
    (models.Job, "amend_jobs", {**SURE, "priority": "high"}),
    (models.Job, "cancel_jobs", SURE),
    (Queue, "resume", {}),
    (Queue, "resume", SURE),
    (Tenant, "pause", SURE),
    (models.Worker, "stop", {}),
    (models.Worker, "stop", SURE),
    (Schedule, "enable", {}),
    (Schedule, "disable", {}),
    (models.Job, "delete_jobs", {**SURE, "select_across": "1"}),
)


class Reader(HTMLParser):
    """Collects what a page tells, and the tags that are not closed as they were opened."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of an element and of what its attributes tell."""
        named = dict(attrs)
        self.texts += [named[name] or "" for name in TOLD_ATTRIBUTES if name in named]
        if tag == "input" and named.get("type") == "submit":
            self.texts.append(named.get("value") or "")
        if tag == "script" and "src" not in named and named.get("type") != "application/json":
            self.wrong.append("a script within the page")
        self.wrong += [name for name in named if name.startswith("on") or name == "style"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of an element without content."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Take note of an end."""
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        """Take note of text that a reader sees."""
        if self.open and self.open[-1] not in {"script", "style"}:
            self.texts.append(data)


def read_page(page: Any, *, status: int = 200) -> list[str]:
    """Return what a page tells, in pieces without needless blanks; its HTML is good."""
    assert page.status_code == status
    reader = Reader()
    reader.feed(page.content.decode())
    assert not reader.wrong
    assert not reader.open
    pieces = (" ".join(text.split()) for text in reader.texts)
    return [piece for piece in pieces if piece]


@cache
def english() -> tuple[frozenset[str], list[re.Pattern[str]]]:
    """Return what may not be left: whole pieces, and sentences of several words within them."""
    pieces: set[str] = set()
    sentences: list[re.Pattern[str]] = []
    for message, translations, _ in read("de")[1]:
        for id in filter(None, (message.id, message.plural)):
            if id in translations or id.lower() in {text.lower() for text in translations}:
                continue
            literal = re.split(r"%%|%\(\w+\)[a-z]|\{\w*\}", id)
            if len(literal) == 1:
                pieces |= {id.strip(), id.strip()[:1].upper() + id.strip()[1:]}
            if sum(len(part.split()) for part in literal) >= 3:
                sentences.append(re.compile(f"[^{SEPARATOR}]+?".join(map(re.escape, literal))))
    german = {text for _, translations, _ in read("de")[1] for text in translations}
    return frozenset(pieces - german - LEFT), sentences


def left_in_english(texts: list[str]) -> list[str]:
    """Return what of a page's pieces is English of the catalogue."""
    pieces, sentences = english()
    whole = SEPARATOR.join(texts)
    parts = (found[0] for sentence in sentences if (found := sentence.search(whole)))
    return [*(text for text in texts if text.rstrip(":") in pieces), *parts]


@pytest.fixture
def store() -> Store:
    """A store with jobs in every state, a pipeline, a worker, rules and a schedule."""
    found = control.store_of("default")
    join(found, WORKER)
    (tasks.echo.s(1) >> tasks.fail >> tasks.echo).enqueue()
    run_due("default")
    tasks.echo.using(run_after=timezone.now() + timedelta(days=3)).enqueue(1)
    for tenant in ("acme", "globex"):
        tasks.echo.using(tenant=tenant).enqueue(1)
    claim_one(found)
    tasks.echo.using(queue_name="mail").enqueue(1)
    rulings.pause(Queue, "mail", "default")
    rulings.pause(Tenant, "globex", "default")
    row = Schedule.objects.create(
        name="nightly", expression="0 3 * * *", task="tests.app.tasks.echo", enabled=False,
        next_at=timezone.now() + timedelta(hours=1), timezone="UTC",
    )  # fmt: skip
    models.Tick.objects.create(
        schedule=row, due_at=timezone.now(), decision="missed", decided_at=timezone.now()
    )
    models.Backfill.objects.create(
        schedule=row, from_at=timezone.now(), until_at=timezone.now(), created_at=timezone.now()
    )
    return found


def addresses() -> Iterator[str]:
    """Return the main pages, and one of each kind of row."""
    row = Schedule.objects.get()
    yield from (
        "/admin/", APP, LIST, f"{LIST}?state=READY&queue=none", f"{LIST}?time=hour&schedule=x",
        f"{LIST}overview/", f"{LIST}failures/", f"{APP}run/", f"{APP}worker/", f"{APP}worker/live/",
        f"{APP}worker/{WORKER}/change/", f"{APP}queue/", f"{APP}queue/add/", f"{APP}tenant/",
        f"{APP}tenant/add/", f"{APP}tenant/others/", f"{APP}schedule/", f"{APP}schedule/add/",
        f"{APP}schedule/{row.pk}/change/", f"{APP}schedule/{row.pk}/ticks/",
        f"{APP}schedule/{row.pk}/backfill/", f"{APP}queue/switch/?name=mail&to=resume",
    )  # fmt: skip
    for kind in (Queue, Tenant):
        yield f"{APP}{kind._meta.model_name}/{kind.objects.earliest('pk').pk}/change/"
    for job in rows("default"):
        yield f"{LIST}{job.public_id}/change/"
    run = rows("default").exclude(run_id=None).latest("seq").run_id
    yield from (f"{APP}run/{run}/change/", f"{APP}run/{run}/grid/")


@pytest.fixture
def reader(sign_in: SignIn) -> Client:
    """Somebody who may see and do everything."""
    return sign_in("*")


def test_pages_have_nothing_of_the_catalogue_in_english(reader: Client, store: Store) -> None:
    left = {}
    for address in addresses():
        with translation.override("de"):
            texts = read_page(reader.get(address))
        left[address] = left_in_english(texts)
    assert {address: texts for address, texts in left.items() if texts} == {}


def test_in_english_the_same_search_finds_them(reader: Client, store: Store) -> None:
    found = {address: left_in_english(read_page(reader.get(address))) for address in addresses()}
    assert [address for address, texts in found.items() if len(texts) < 2] == []


def test_a_job_in_no_table_and_the_worker_that_holds_it_are_shown_in_german(
    reader: Client, store: Store
) -> None:
    gate = uuid4().hex
    held = tasks.hold.using(backend="threads").enqueue(gate)
    waiting = tasks.echo.using(backend="threads", depends_on=[held]).enqueue(1)
    try:
        wait_until(lambda: get_job(held).state == "RUNNING", what="the job to run")
        for address in (f"{LIST}{waiting.id}/change/", f"{APP}worker/", f"{APP}worker/live/"):
            with translation.override("de"):
                texts = read_page(reader.get(address))
            assert left_in_english(texts) == [], address
            assert left_in_english(read_page(reader.get(address))) != [], address
            if waiting.id in address:
                told_why = next(text for text in texts if "tests.app.tasks.hold" in text)
                assert told_why.startswith("Er wartet auf"), told_why
    finally:
        gates.open_gate(gate)


@pytest.mark.parametrize("wanted", ["01a22329-a86c-7f85-95eb-9687a4b0fc90", "17"])
def test_a_job_that_is_not_there_is_told_of_in_german(reader: Client, wanted: str) -> None:
    with translation.override("de"):
        page = reader.get(f"{LIST}{wanted}/change/")
        assert left_in_english(read_page(page, status=404)) == []
    assert "Einen solchen Job gibt es nicht" in page.content.decode()


def test_a_store_that_gives_no_answer_is_told_of_in_german(
    reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("the wire is cut")

    monkeypatch.setattr(control.store_of("threads"), "history", refuse)
    with translation.override("de"):
        page = reader.get(f"{LIST}01a22329-a86c-7f85-95eb-9687a4b0fc90/change/")
        texts = read_page(page, status=404)
    assert left_in_english(texts) == []
    assert any("the wire is cut" in text and "Dort kann der Job sein." in text for text in texts)


def test_questions_and_answers_of_actions_are_german(reader: Client, store: Store) -> None:
    left = {}
    for model, action, data in ACTIONS:
        address = f"{APP}{model._meta.model_name}/"
        keys = [str(row.pk) for row in model._default_manager.all()]
        data = {"action": action, **data, ACTION_CHECKBOX_NAME: keys}
        with translation.override("de"):
            texts = read_page(reader.post(address, data, follow=True))
        left[address, action] = left_in_english(texts)
    assert {asked: texts for asked, texts in left.items() if texts} == {}


def test_numbers_and_durations_are_written_as_germans_do() -> None:
    with translation.override("de"):
        assert cells.span(timedelta(seconds=1.5)) == "1,5 s"
        assert cells.span(timedelta(hours=2.5)) == "2,5 h"
        assert lasting(5400) == "1,5 h"
    assert cells.span(timedelta(seconds=1.5)) == "1.5 s"
    assert lasting(200_000) == "2.31 days"


def test_a_date_has_the_german_format(reader: Client, store: Store) -> None:
    job = rows("default").earliest("seq")
    with translation.override("de"):
        page = reader.get(f"{LIST}{job.public_id}/change/")
        assert cells.exact(job.enqueued_at) in page.content.decode()
        assert re.search(
            r"\d{1,2}\. [A-ZÄÖÜ]\w+ \d{4}, \d\d:\d\d:\d\d,\d{3}<", page.content.decode()
        )


def test_what_the_log_keeps_stays_english(reader: Client, store: Store) -> None:
    queue = Queue.objects.get(name="mail")
    data = {"action": "resume", "confirmed": "yes", ACTION_CHECKBOX_NAME: queue.pk}
    with translation.override("de"):
        answer = reader.post(f"{APP}queue/", data, follow=True)
    assert told(answer) == "1 Warteschlange jetzt fortgesetzt."
    assert LogEntry.objects.latest("pk").change_message == "Paused -> not paused."


def test_why_is_told_in_the_language_of_who_asks_and_printed_in_english(store: Store) -> None:
    waiting = str(rows("default").get(queue="mail").public_id)
    sentence = "Its queue 'mail' is paused: resume it."
    assert control.why(waiting) == sentence
    with translation.override("de"):
        assert control.why(waiting) == (
            "Seine Warteschlange 'mail' ist pausiert: setzen Sie sie fort."
        )
        assert sentence in call("job", "show", waiting).out


def test_warnings_are_told_in_the_language_of_the_page_and_printed_in_english(
    reader: Client, store: Store
) -> None:
    with translation.override("de"):
        page = reader.get(f"{LIST}overview/").content.decode()
        printed = call("taskq", "stats", "--backend", "default").out
    assert "Die Warteschlange „mail“ ist pausiert; bereite Jobs dort: 1." in page
    assert "The queue “mail” is paused; jobs ready there: 1." in printed
