"""The tables of the desk."""

import uuid

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Customer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("slug", models.SlugField(max_length=100, unique=True)),
                ("name", models.CharField(max_length=200)),
            ],
            options={
                "ordering": (Lower("name"),),
            },
        ),
        migrations.CreateModel(
            name="Document",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=300)),
                ("path", models.TextField()),
                ("is_uploaded", models.BooleanField(default=False)),
                ("submitted_at", models.DateTimeField(auto_now_add=True)),
                ("job_id", models.UUIDField(db_index=True, null=True)),
                ("kind", models.CharField(blank=True, max_length=20)),
                ("size", models.BigIntegerField(null=True)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("lines", models.IntegerField(null=True)),
                ("words", models.IntegerField(null=True)),
                ("functions", models.IntegerField(null=True)),
                ("classes", models.IntegerField(null=True)),
                ("summary", models.TextField(blank=True)),
                ("read_at", models.DateTimeField(null=True)),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="documents",
                        to="desk.customer",
                    ),
                ),
            ],
            options={
                "ordering": ("-submitted_at", "name"),
                "indexes": [models.Index(fields=["customer", "-submitted_at"], name="desk_recent")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("read_at__isnull", True),
                            models.Q(("lines__isnull", False), ("size__isnull", False)),
                            _connector="OR",
                        ),
                        name="desk_document_facts",
                    )
                ],
            },
        ),
    ]
