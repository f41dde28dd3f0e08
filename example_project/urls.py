"""URLs of the document desk."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("example_project.desk.urls")),
    path("admin/", admin.site.urls),
]
