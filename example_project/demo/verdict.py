"""Whether the run kept its promises: no job lost, each result where it belongs."""

from collections.abc import Sequence
from uuid import UUID

from django_taskq.jobs.states import Failure, State
from django_taskq.models import Job
from example_project.demo.run import Run
from example_project.desk.models import Document


def complaints(run: Run, submitted: Sequence[UUID]) -> list[str]:
    """Return in sentences what went wrong; an empty list is what everybody hopes for."""
    found = []
    if run.status != 0:
        found.append(f"The worker ended with status {run.status}. Its last words: {run.told}")
    stored = set(Job.objects.values_list("public_id", flat=True))
    if missing := len(set(submitted) - stored):
        found.append(f"{missing} of {len(submitted)} submitted jobs are not stored.")
    if lost := Job.objects.filter(failure__in=(Failure.LOST, Failure.UNLOADABLE)).count():
        found.append(f"{lost} jobs were lost or could not be loaded.")
    unfinished = Job.objects.filter(finished_at__isnull=True).count()
    if unfinished and not run.is_interrupted:
        found.append(f"{unfinished} jobs have not ended.")
    if unread := _unread():
        found.append(f"{unread} documents lack facts although their job was successful.")
    return found


def _unread() -> int:
    unread = Document.objects.filter(read_at=None).values("job_id")
    return Job.objects.filter(public_id__in=unread, state=State.SUCCESSFUL).count()
