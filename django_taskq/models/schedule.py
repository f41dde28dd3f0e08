"""The rows of a schedule and of its ticks."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from django_taskq.models.fields import NameField
from django_taskq.models.validators import validate_name


class Source(models.TextChoices):
    """Who keeps a schedule: an operator, or the project's code, which an operator only pauses."""

    OPERATOR = "operator", _("Operator")
    CODE = "code", _("Code")


class Catchup(models.TextChoices):
    """Which of the ticks that were missed fire after all."""

    NONE = "none", pgettext_lazy("catchup", "None")
    LAST = "last", pgettext_lazy("catchup", "Last")
    ALL = "all", pgettext_lazy("catchup", "All")


class Overlap(models.TextChoices):
    """What becomes of a tick while the job of an earlier one has not ended."""

    ALLOW = "allow", pgettext_lazy("overlap", "Allow")
    SKIP = "skip", pgettext_lazy("overlap", "Skip")
    CANCEL = "cancel", pgettext_lazy("overlap", "Cancel")
    QUEUE = "queue", pgettext_lazy("overlap", "Queue")


class Schedule(models.Model):
    """A task that is enqueued again and again, or once at a time.

    One of `expression` (cron), `every` (seconds) and `at` says when. `next_at` is the next due
    instant that was not decided yet, NULL where none will come; a scheduler reads only what it
    finds by that, under a lock. `revision` counts edits. `last_job_id` and `earlier_job_id` are
    the latest jobs, for `overlap`.
    """

    name = NameField(_("name"), max_length=200, unique=True, validators=[validate_name])
    expression = NameField(_("expression"), max_length=200, null=True, blank=True)
    every = models.FloatField(_("every"), null=True, blank=True)
    at = models.DateTimeField(_("at"), null=True, blank=True)
    timezone = NameField(_("timezone"), max_length=64, default="UTC")
    start_at = models.DateTimeField(_("start at"), null=True, blank=True)
    end_at = models.DateTimeField(_("end at"), null=True, blank=True)
    jitter = models.FloatField(_("jitter"), default=0.0, db_default=0.0)

    backend = NameField(_("backend"), max_length=64, default="default")
    task = NameField(_("task"), max_length=255)
    args = models.TextField(_("args"), default="[]", db_default="[]", blank=True)
    kwargs = models.TextField(_("kwargs"), default="{}", db_default="{}", blank=True)
    # Further options of the task, as JSON; None leaves all to the task.
    options = models.TextField(_("options"), null=True, blank=True)
    queue = NameField(_("queue"), max_length=128, null=True, blank=True)
    tenant = NameField(_("tenant"), max_length=128, null=True, blank=True)
    priority = models.SmallIntegerField(_("priority"), null=True, blank=True)

    catchup = NameField(_("catchup"), max_length=8, choices=Catchup, default=Catchup.LAST)
    catchup_limit = models.PositiveIntegerField(_("catchup limit"), null=True, blank=True)
    overlap = NameField(_("overlap"), max_length=8, choices=Overlap, default=Overlap.SKIP)

    enabled = models.BooleanField(_("enabled"), default=True, db_default=True)
    # Why it was switched off by the scheduler, or by the code that no longer has it.
    reason = models.TextField(null=True, blank=True)
    source = NameField(_("source"), max_length=8, choices=Source, default=Source.OPERATOR)
    # Since when the scheduler could not find the task; another release may still bring it.
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    next_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_job_id = models.UUIDField(null=True, blank=True, editable=False)
    earlier_job_id = models.UUIDField(null=True, blank=True, editable=False)
    revision = models.IntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "taskq_schedule"
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")
        ordering = ("name",)
        permissions = (("run_schedule", "Can run schedule now"),)
        constraints = (
            models.CheckConstraint(
                name="taskq_schedule_when",
                condition=(
                    Q(expression__isnull=False, every__isnull=True, at__isnull=True)
                    | Q(expression__isnull=True, every__isnull=False, at__isnull=True)
                    | Q(expression__isnull=True, every__isnull=True, at__isnull=False)
                ),
            ),
            models.CheckConstraint(
                name="taskq_schedule_every", condition=Q(every__isnull=True) | Q(every__gt=0)
            ),
        )
        indexes = (
            models.Index(name="taskq_schedule_due", fields=["backend", "enabled", "next_at"]),
        )

    def __str__(self) -> str:
        return self.name


class Decision(models.TextChoices):
    """What was decided of a tick."""

    FIRED = "fired", pgettext_lazy("tick", "Fired")
    SKIPPED = "skipped", pgettext_lazy("tick", "Skipped")
    MISSED = "missed", pgettext_lazy("tick", "Missed")
    PAUSED = "paused", pgettext_lazy("tick", "Paused")
    QUEUED = "queued", pgettext_lazy("tick", "Queued")


class Backfill(models.Model):
    """A range of due instants that an operator has jobs made for, the oldest first.

    `next_at` is the first instant that was not decided yet, NULL once all are.
    """

    id = models.BigAutoField(primary_key=True)
    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="backfills")
    from_at = models.DateTimeField()
    until_at = models.DateTimeField()
    max_running = models.PositiveIntegerField(null=True)
    next_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "taskq_backfill"
        verbose_name = _("backfill")
        verbose_name_plural = _("backfills")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.schedule_id} {self.from_at.isoformat()} - {self.until_at.isoformat()}"


class Tick(models.Model):
    """A due instant of a schedule and what was decided of it, in the transaction of its job.

    One that an operator made stands beside the one that was due at the same instant.
    """

    id = models.BigAutoField(primary_key=True)
    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="ticks")
    due_at = models.DateTimeField()
    decision = NameField(max_length=8, choices=Decision)
    # Seconds from the due instant to the decision.
    late = models.FloatField(default=0.0)
    job_id = models.UUIDField(null=True)
    reason = models.TextField(null=True)
    backfill = models.ForeignKey(
        Backfill, on_delete=models.SET_NULL, null=True, related_name="ticks"
    )
    is_by_hand = models.BooleanField(default=False, db_default=False)
    decided_at = models.DateTimeField()

    class Meta:
        db_table = "taskq_tick"
        verbose_name = _("tick")
        verbose_name_plural = _("ticks")
        ordering = ("-due_at",)
        constraints = (
            models.UniqueConstraint(
                name="taskq_tick_once", fields=["schedule", "due_at", "is_by_hand"]
            ),
        )
        indexes = (models.Index(name="taskq_tick_decided", fields=["decided_at"]),)

    def __str__(self) -> str:
        return f"{self.schedule_id} {self.due_at.isoformat()} {self.decision}"
