"""The row of a job."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from django_taskq.jobs.states import State
from django_taskq.models.fields import NameField
from django_taskq.models.indexes import PartialIndex


class Job(models.Model):
    """One enqueued call. Written by the store alone: the admin and commands go through it.

    `seq` is the database's own count: the order inside a lane must not hang on client clocks.
    Payloads are JSON text, since jsonb reorders keys and refuses some characters.
    """

    # The columns stand in the order in which PostgreSQL should store them. Its log of an update
    # leaves out what comes before the first byte that changed, so what stays as it was inserted
    # comes first, then what a claim writes, last what a finish writes: 100 bytes less a job.
    seq = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, editable=False)
    enqueued_at = models.DateTimeField()

    # The lane: band, gate, then tenant in turn, then rank, then seq.
    rank = models.BigIntegerField(default=0)
    priority = models.SmallIntegerField(_("priority"), default=0)
    band = models.SmallIntegerField(default=1)
    is_parked = models.BooleanField(default=False, db_default=False)
    is_blocked = models.BooleanField(default=False, db_default=False)

    backend = NameField(_("backend"), max_length=64)
    task = NameField(max_length=255)
    queue = NameField(max_length=128, default="default")
    tenant = NameField(max_length=128, default="", blank=True)
    args = models.TextField(default="[]")
    kwargs = models.TextField(default="{}")
    options = models.TextField(null=True)
    metadata = models.TextField(null=True)
    trace = models.TextField(null=True)

    max_tries = models.IntegerField(null=True)
    run_after = models.DateTimeField(null=True)
    eligible_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    slot_at = models.DateTimeField(null=True)
    parked_for = NameField(max_length=300, null=True)
    gate = NameField(max_length=300, default="", db_default="", blank=True)
    blocked_for = models.TextField(null=True)
    blocked_at = models.DateTimeField(null=True)

    # A predictable id of the caller's choice; the key is NULL once the job has ended.
    task_id = NameField(max_length=200, null=True)
    unique_key = NameField(max_length=64, null=True)

    # Pipelines: counters decide a trigger rule without reading the upstreams.
    run_id = models.UUIDField(null=True)
    node = NameField(max_length=200, null=True)
    map_index = models.IntegerField(null=True)
    trigger_rule = NameField(max_length=32, null=True)
    upstream_total = models.IntegerField(null=True)
    upstream_successful = models.IntegerField(null=True)
    upstream_failed = models.IntegerField(null=True)
    upstream_skipped = models.IntegerField(null=True)

    schedule_id = models.BigIntegerField(null=True)
    scheduled_for = models.DateTimeField(null=True)

    # The object that the job concerns, as its metadata name it.
    about = NameField(max_length=200, null=True)

    # What a claim writes. Three counts that must not be mixed: claims, here; tries that
    # max_tries counts, and workers lost, below.
    attempt = models.IntegerField(default=0, db_default=0)
    claimed_at = models.DateTimeField(null=True)
    worker_id = NameField(max_length=128, null=True)
    state = NameField(max_length=16, default=State.READY)

    # What a finish writes.
    tries = models.IntegerField(_("tries"), default=0, db_default=0)
    lost = models.SmallIntegerField(_("lost"), default=0, db_default=0)
    started_at = models.DateTimeField(null=True)
    last_attempted_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    failure = NameField(max_length=16, null=True)
    reason = models.TextField(null=True)
    result = models.TextField(null=True)
    worker_ids = models.TextField(null=True)
    cancel_asked_at = models.DateTimeField(null=True)
    progress = models.TextField(null=True)
    ctx = models.TextField(null=True)

    class Meta:
        db_table = "taskq_job"
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        permissions = (
            ("retry_job", "Can retry job"),
            ("cancel_job", "Can cancel job"),
            ("requeue_job", "Can enqueue a copy of job"),
            ("run_job", "Can run job before its time"),
            ("amend_job", "Can change the queue and priority of job"),
            ("view_payload_job", "Can view the arguments, results and errors of job"),
        )
        constraints = (
            models.CheckConstraint(
                name="taskq_job_priority", condition=Q(priority__gte=-100, priority__lte=100)
            ),
            models.CheckConstraint(
                name="taskq_job_counts",
                condition=Q(attempt__gte=0, tries__gte=0, lost__gte=0),
            ),
        )
        indexes = (
            PartialIndex(
                name="taskq_job_lanes",
                fields=["backend", "queue", "band", "gate", "tenant", "rank", "seq"],
                where=Q(state=State.READY, is_parked=False),
                leading=("state", "is_parked"),
            ),
            PartialIndex(
                name="taskq_job_due",
                fields=["backend", "due_at"],
                where=Q(state=State.SCHEDULED),
                leading=("state",),
            ),
            PartialIndex(
                name="taskq_job_running",
                fields=["backend", "worker_id"],
                where=Q(state=State.RUNNING),
                leading=("state",),
            ),
            PartialIndex(
                name="taskq_job_deferred",
                fields=["backend", "seq"],
                where=Q(state=State.DEFERRED),
                leading=("state",),
            ),
            PartialIndex(
                name="taskq_job_parked",
                fields=["backend", "parked_for", "rank", "seq"],
                where=Q(is_parked=True),
                leading=("is_parked",),
            ),
            PartialIndex(
                name="taskq_job_ended",
                fields=["backend", "state", "finished_at"],
                where=Q(finished_at__isnull=False),
            ),
            PartialIndex(
                name="taskq_job_unique",
                fields=["unique_key"],
                where=Q(unique_key__isnull=False),
                unique=True,
            ),
            PartialIndex(
                name="taskq_job_blocked",
                fields=["backend", "blocked_at"],
                where=Q(is_blocked=True),
                leading=("is_blocked",),
            ),
            PartialIndex(
                name="taskq_job_named",
                fields=["backend", "tenant", "task_id", "seq"],
                where=Q(task_id__isnull=False),
            ),
            PartialIndex(
                name="taskq_job_run", fields=["run_id", "seq"], where=Q(run_id__isnull=False)
            ),
            PartialIndex(
                name="taskq_job_schedule",
                fields=["schedule_id", "seq"],
                where=Q(schedule_id__isnull=False),
            ),
            PartialIndex(
                name="taskq_job_about", fields=["about", "seq"], where=Q(about__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return f"{self.task} {self.public_id}"
