"""The desk in the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from example_project.desk.models import Customer, Document


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    """Open and rename customers."""

    list_display = ("name", "slug")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}


@admin.register(Document)
class DocumentAdmin(admin.ModelAdmin):
    """Look at documents. Nobody may type a path here that a job then reads."""

    list_display = ("name", "customer", "kind", "size", "lines", "words", "read_at")
    list_filter = ("customer", "kind")
    list_select_related = ("customer",)
    search_fields = ("name", "sha256")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Documents come in at the desk."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Facts are what was counted."""
        return False
