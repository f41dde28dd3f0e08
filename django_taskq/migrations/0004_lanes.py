"""The index of ready jobs with their gates, in the place of the one without.

Apart from the column, since a migration is to be short wherever it locks, and this one is long
wherever there are many jobs: it goes on beside them. Run again after an interruption it does what
is left. The new index comes first, so that no claim is ever without one.
"""

from django.db import migrations, models

import django_taskq.jobs.states
import django_taskq.models.indexes
import django_taskq.models.operations


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("django_taskq", "0003_limits")]

    operations = [
        django_taskq.models.operations.AddIndexAside(
            model_name="job",
            index=django_taskq.models.indexes.PartialIndex(
                fields=["backend", "queue", "band", "gate", "tenant", "rank", "seq"],
                leading=("state", "is_parked"),
                name="taskq_job_lanes",
                unique=False,
                where=models.Q(
                    ("is_parked", False), ("state", django_taskq.jobs.states.State["READY"])
                ),
            ),
        ),
        django_taskq.models.operations.RemoveIndexAside(model_name="job", name="taskq_job_ready"),
    ]
