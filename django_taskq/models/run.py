"""Pipeline runs, for the admin alone: a run has no row of its own, only those of its jobs."""

from django_taskq.models.job import Job


class Run(Job):
    """The jobs of a pipeline run, seen as one."""

    class Meta:
        proxy = True
        verbose_name = "pipeline run"
        verbose_name_plural = "pipeline runs"
        default_permissions = ()
