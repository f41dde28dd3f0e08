"""What a job is about: an object of the project, named in the job's metadata."""

from typing import Any

from django_taskq.jobs import payload

KEY = "about"
LONGEST_SUBJECT = 200

_WRITTEN_KEY = f'"{KEY}"'


def about(obj: Any) -> str:
    """Return what stands for a saved object in the metadata of the jobs that concern it.

    Enqueue with `metadata={"about": about(order)}`, and a JobsPanel shows the job on the object's
    page. Raise ValueError for an object without a primary key, or with one that is too long.
    """
    if obj.pk is None:
        raise ValueError(f"Expected an object that was saved, got {obj!r}, which has no key yet.")
    name = f"{obj._meta.label_lower}:{obj.pk}"
    if len(name) > LONGEST_SUBJECT:
        raise ValueError(
            f"Expected a key that makes at most {LONGEST_SUBJECT} characters with the name of its "
            f"model, got {len(name)}: {name!r}. Give a shorter text of your own as metadata."
        )
    return name


def has_subject(metadata: str | None) -> bool:
    """Tell whether stored metadata may name an object; most do not, which costs one look."""
    return metadata is not None and _WRITTEN_KEY in metadata


def subject_of(metadata: str | None) -> str | None:
    """Return the object that stored metadata name; a value that is no such name is none."""
    if metadata is None or not has_subject(metadata):
        return None
    try:
        told = payload.decode(metadata)
    except ValueError:
        return None
    subject = told.get(KEY) if isinstance(told, dict) else None
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        return None
    return None if "\x00" in subject else subject
