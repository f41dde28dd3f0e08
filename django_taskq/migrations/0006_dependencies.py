"""The table of what waits for what, and when a job was blocked."""

import django.db.models.deletion
from django.db import migrations, models

import django_taskq.models.fields
import django_taskq.models.indexes
import django_taskq.models.operations


class Migration(migrations.Migration):
    dependencies = [("django_taskq", "0005_schedules")]

    operations = [
        migrations.CreateModel(
            name="Dependency",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("upstream_public_id", models.UUIDField(null=True)),
                (
                    "upstream_task_id",
                    django_taskq.models.fields.NameField(max_length=200, null=True),
                ),
                ("pending_key", django_taskq.models.fields.NameField(max_length=64, null=True)),
                ("counted_as", django_taskq.models.fields.NameField(max_length=16, null=True)),
                (
                    "downstream",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="django_taskq.job",
                    ),
                ),
                (
                    "upstream",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="django_taskq.job",
                    ),
                ),
            ],
            options={
                "verbose_name": "dependency",
                "verbose_name_plural": "dependencies",
                "db_table": "taskq_dependency",
                "indexes": [
                    django_taskq.models.indexes.PartialIndex(
                        fields=["pending_key"],
                        leading=(),
                        name="taskq_dependency_pending",
                        unique=False,
                        where=models.Q(("pending_key__isnull", False)),
                    ),
                    django_taskq.models.indexes.PartialIndex(
                        fields=["id"],
                        leading=("counted_as",),
                        name="taskq_dependency_open",
                        unique=False,
                        where=models.Q(("counted_as__isnull", True)),
                    ),
                ],
            },
        ),
        django_taskq.models.operations.AddColumn(
            model_name="job", name="blocked_at", field=models.DateTimeField(null=True)
        ),
    ]
