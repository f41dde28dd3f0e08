"""URLs of the desk."""

from django.urls import path

from example_project.desk import views

urlpatterns = [
    path("", views.home, name="home"),
    path("customers/<slug:slug>/", views.desk, name="desk"),
    path("customers/<slug:slug>/report/", views.report, name="report"),
    path("customers/<slug:slug>/documents/<uuid:pk>/", views.document, name="document"),
    path("customers/<slug:slug>/documents/<uuid:pk>/delete/", views.delete, name="delete"),
    path("customers/<slug:slug>/jobs/<uuid:job_id>/", views.job, name="job"),
    path("customers/<slug:slug>/jobs/<uuid:job_id>/events/", views.events, name="events"),
    path("customers/<slug:slug>/jobs/<uuid:job_id>/cancel/", views.cancel, name="cancel"),
]
