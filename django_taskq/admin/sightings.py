"""One job as a store tells of it that keeps it in no table, ready to be shown as a row is."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, NamedTuple
from uuid import UUID

from django_taskq.admin.asking import LONGEST
from django_taskq.jobs.edges import EdgeRecord
from django_taskq.jobs.outlook import Outlook
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.subjects import subject_of
from django_taskq.jobs.xcom import XComRecord
from django_taskq.models import Attempt, Job
from django_taskq.questions import NoAnswer, ask
from django_taskq.stores.base import Store

# Values that are shown, and jobs on each side of one.
MOST_VALUES, MOST_NEIGHBOURS = 50, 20

# Where the columns of a row are called otherwise than in a record.
_OTHERWISE = {
    "metadata": "metadata_json", "progress": "progress_json", "worker_ids": "worker_ids_json",
}  # fmt: skip


class Sighting(NamedTuple):
    """What a store tells of one job: itself, what bears on its start, its edges, its values.

    `neighbours` are the jobs of its edges that the store still has, by id.
    """

    record: JobRecord
    outlook: Outlook | None = None
    edges: Sequence[EdgeRecord] = ()
    neighbours: dict[str, JobRecord] = {}
    values: Sequence[XComRecord] = ()


def sight(aliases: Sequence[str], id: str) -> tuple[Sighting | None, dict[str, str]]:
    """Ask these stores for a job; return what one tells, and why others did not answer."""
    answers = ask(aliases, lambda store: _sighting(store, id), LONGEST)
    silent = {alias: each.told() for alias, each in answers.items() if isinstance(each, NoAnswer)}
    found = (each for each in answers.values() if isinstance(each, Sighting))
    return next(found, None), silent


def is_in_table(job: Any) -> bool:
    """Tell whether a job has a row; what was made of a sighting has no number."""
    return job.pk is not None


def seen(job: Any) -> Sighting:
    """Return what was told of a job that is in no table."""
    sighting: Sighting = job.sighting
    return sighting


def row_of(sighting: Sighting) -> Job:
    """Return a job as a row that is in no table, and has no number."""
    record = sighting.record
    known = {field.name for field in fields(record)}
    names = [field.name for field in Job._meta.concrete_fields]
    columns = {name: _OTHERWISE.get(name, name) for name in names}
    given = {name: getattr(record, told) for name, told in columns.items() if told in known}
    given |= {
        "seq": None,
        "public_id": UUID(record.id),
        "run_id": record.run_id and UUID(record.run_id),
        "about": subject_of(record.metadata_json),
    }
    return Job(**given)


def tries_in(record: JobRecord) -> list[Attempt]:
    """Return the kept tries of a job as rows are, the last first."""
    return [Attempt(**attempt._asdict()) for attempt in reversed(record.attempts)]


def _sighting(store: Store, id: str) -> Sighting | None:
    found = store.history([id])
    if not found:
        return None
    (record,) = found
    edges = store.edges([id])
    ids = [other for edge in edges for other in (edge.upstream, edge.downstream) if other]
    others = list(dict.fromkeys(other for other in ids if other != id))
    near = store.get(others[: 2 * MOST_NEIGHBOURS + 2]) if others else []
    return Sighting(
        record,
        None if record.is_ended else store.outlook(id),
        edges,
        {job.id: job for job in near},
        store.xcoms.of_job(id, MOST_VALUES + 1),
    )
