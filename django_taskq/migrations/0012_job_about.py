"""What a job is about, its index, which is made beside workers, and two permissions."""

from django.db import migrations, models

import django_taskq.models.fields
import django_taskq.models.indexes
import django_taskq.models.operations


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("django_taskq", "0010_rollups")]

    operations = [
        migrations.AlterModelOptions(
            name="job",
            options={
                "permissions": (
                    ("retry_job", "Can retry job"),
                    ("cancel_job", "Can cancel job"),
                    ("requeue_job", "Can enqueue a copy of job"),
                    ("run_job", "Can run job before its time"),
                    ("amend_job", "Can change the queue and priority of job"),
                    ("view_payload_job", "Can view the arguments, results and errors of job"),
                ),
                "verbose_name": "job",
                "verbose_name_plural": "jobs",
            },
        ),
        django_taskq.models.operations.AddColumn(
            model_name="job",
            name="about",
            field=django_taskq.models.fields.NameField(max_length=200, null=True),
        ),
        django_taskq.models.operations.AddIndexAside(
            model_name="job",
            index=django_taskq.models.indexes.PartialIndex(
                fields=["about", "seq"],
                leading=(),
                name="taskq_job_about",
                unique=False,
                where=models.Q(("about__isnull", False)),
            ),
        ),
    ]
