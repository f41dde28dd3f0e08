"""URLs of the document desk."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("example_project.desk.urls")),
    path("admin/", admin.site.urls),
    # Numbers for Prometheus and for probes, closed to the public.
    path("taskq/", include("django_taskq.urls")),
]
