"""URLs to include: `path("taskq/", include("django_taskq.urls"))`."""

from django.urls import path

from django_taskq import views

app_name = "taskq"
urlpatterns = [
    path("metrics", views.show_metrics, name="metrics"),
    path("health", views.show_health, name="health"),
]
