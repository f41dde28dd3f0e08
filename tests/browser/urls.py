"""URLs of the example project, a second admin site, and a page that breaks the policy."""

from django.contrib.admin import AdminSite, site
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from example_project.urls import urlpatterns as of_the_project

operations = AdminSite(name="operations")
for model, model_admin in site._registry.items():
    if model._meta.app_label in {"django_taskq", "desk"}:
        operations.register(model, type(model_admin))


def forbidden(request: HttpRequest) -> HttpResponse:
    """Answer with what the policy forbids, to show that the tests see it."""
    return HttpResponse(
        "<!doctype html><title>-</title><script>document.title = 'ran'</script>"
        '<p style="color: red">A style.</p>'
    )


def no_icon(request: HttpRequest) -> HttpResponse:
    """Answer the browser's own question without an error in its console."""
    return HttpResponse(status=204)


urlpatterns = [
    path("favicon.ico", no_icon),
    path("forbidden/", forbidden),
    path("operations/", operations.urls),
    path("", include(of_the_project)),
]
