"""Pipeline runs, for the admin alone: a run has no row of its own, only those of its jobs."""

from django.utils.translation import gettext_lazy as _

from django_taskq.models.job import Job


class Run(Job):
    """The jobs of a pipeline run, seen as one."""

    class Meta:
        proxy = True
        verbose_name = _("pipeline run")
        verbose_name_plural = _("pipeline runs")
        default_permissions = ()
