"""Rows of the desk: who hands in documents, and what is known of each."""

import uuid

from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Lower
from django.urls import reverse

from django_taskq.models import Job
from example_project.desk.reading import LARGE


class Customer(models.Model):
    """One tenant of the desk; its slug is the tenant of all its jobs."""

    slug = models.SlugField(max_length=100, unique=True)
    name = models.CharField(max_length=200)

    class Meta:
        ordering = (Lower("name"),)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the address of the customer's desk."""
        return reverse("desk", args=[self.slug])


class DocumentQuerySet(models.QuerySet["Document"]):
    """Documents with what the queue knows of them."""

    def with_jobs(self) -> "DocumentQuerySet":
        """Add `state` and `reason` of the job that reads each: jobs are rows like any other."""
        jobs = Job.objects.filter(public_id=OuterRef("job_id"))
        return self.annotate(
            state=Subquery(jobs.values("state")[:1]), reason=Subquery(jobs.values("reason")[:1])
        )


class Document(models.Model):
    """A file handed in; the facts are empty until a job has read it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="documents")
    name = models.CharField(max_length=300)
    path = models.TextField()
    is_uploaded = models.BooleanField(default=False)
    submitted_at = models.DateTimeField(auto_now_add=True)
    job_id = models.UUIDField(null=True, db_index=True)

    kind = models.CharField(max_length=20, blank=True)
    size = models.BigIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    lines = models.IntegerField(null=True)
    words = models.IntegerField(null=True)
    functions = models.IntegerField(null=True)
    classes = models.IntegerField(null=True)
    summary = models.TextField(blank=True)
    read_at = models.DateTimeField(null=True)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        ordering = ("-submitted_at", "name")
        indexes = (models.Index(name="desk_recent", fields=["customer", "-submitted_at"]),)
        constraints = (
            models.CheckConstraint(
                name="desk_document_facts",
                condition=Q(read_at__isnull=True) | Q(size__isnull=False, lines__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def awaits_summary(self) -> bool:
        """Whether the job that summarises this large document has not ended well yet."""
        return self.size is not None and self.size > LARGE and not self.summary
