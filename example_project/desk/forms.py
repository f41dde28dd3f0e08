"""What a visitor can send in."""

from typing import Any

from django import forms
from django.conf import settings
from django.template.defaultfilters import filesizeformat

LONGEST_TEXT = 200_000


class DocumentForm(forms.Form):
    """A file, or a text with a name."""

    file = forms.FileField(required=False)
    name = forms.CharField(required=False, max_length=200)
    text = forms.CharField(
        required=False,
        max_length=LONGEST_TEXT,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8}),
    )

    def clean(self) -> dict[str, Any]:
        """Refuse a form that holds neither a file nor a text, or both."""
        data = super().clean() or {}
        if self.errors:
            return data
        if bool(data.get("file")) == bool(data.get("text", "").strip()):
            # A file over the limit never arrives, so that it looks as if none had been chosen.
            raise forms.ValidationError(
                "Choose one file of at most %(limit)s, or paste a text.",
                params={"limit": self.limit},
            )
        return data

    @property
    def limit(self) -> str:
        """How large a file may be."""
        return filesizeformat(settings.LARGEST_UPLOAD)

    @property
    def document_name(self) -> str:
        """The name under which the document is kept."""
        file = self.cleaned_data["file"]
        return file.name if file else self.cleaned_data["name"].strip() or "pasted.txt"

    @property
    def content(self) -> Any:
        """The uploaded file, or the pasted text as bytes."""
        return self.cleaned_data["file"] or self.cleaned_data["text"].encode()
