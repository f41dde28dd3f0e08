"""The indexes of jobs by name and of blocked ones; apart, since they are made beside workers."""

from django.db import migrations, models

import django_taskq.models.indexes
import django_taskq.models.operations


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("django_taskq", "0006_dependencies")]

    operations = [
        django_taskq.models.operations.AddIndexAside(
            model_name="job",
            index=django_taskq.models.indexes.PartialIndex(
                fields=["backend", "blocked_at"],
                leading=("is_blocked",),
                name="taskq_job_blocked",
                unique=False,
                where=models.Q(("is_blocked", True)),
            ),
        ),
        django_taskq.models.operations.AddIndexAside(
            model_name="job",
            index=django_taskq.models.indexes.PartialIndex(
                fields=["backend", "tenant", "task_id", "seq"],
                leading=(),
                name="taskq_job_named",
                unique=False,
                where=models.Q(("task_id__isnull", False)),
            ),
        ),
    ]
