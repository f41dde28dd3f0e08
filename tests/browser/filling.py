"""Fill a fresh desk for the tests: `python -m tests.browser.filling DIRECTORY`.

Prints where things are as JSON. The jobs are the desk's own, and a worker runs them.
"""

import json
import os
import sys
from pathlib import Path

LONG_TEXT = "A queue is a line of jobs that wait for a worker.\n" * 2000


def main(directory: Path) -> None:
    """Open the desk, hand documents in and set up what operators have set up."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.browser.settings")
    from example_project.opening import open_desk, set_up, welcome

    set_up()
    open_desk()
    welcome(["Acme", "Globex", "Initech"])
    found = {**_documents(directory), **_digest(), **_rules()}
    sys.stdout.write(json.dumps(found))


def _documents(directory: Path) -> dict[str, str]:
    from example_project.desk.intake import submit, submit_upload
    from example_project.desk.models import Customer, Document

    acme, globex, initech = Customer.objects.order_by("slug")
    for number in range(3):
        submit_upload(globex, f"note-{number}.txt", b"A short note about queues.")
    long = submit_upload(initech, "long.txt", LONG_TEXT.encode())
    image = submit_upload(globex, "image.png", b"\x89PNG\0\0")
    path = directory / "late.txt"
    late = Document(customer=acme, name="late.txt", path=str(path))
    submit(acme, [late])
    return {
        "late_path": str(path),
        "late_job": str(late.job_id),
        "image_job": str(image.job_id),
        "long_job": str(long.job_id),
    }


def _digest() -> dict[str, str]:
    from example_project.desk.digest import digest_of

    return {"run": str(digest_of("globex").enqueue(tenant="globex").id)}


def _rules() -> dict[str, str]:
    from django.core.management import call_command

    from django_taskq.models import Queue, Tenant

    Queue.objects.create(name="documents")
    Tenant.objects.create(name="acme", weight=2)
    call_command(
        "schedule", "add", "nightly", "30 2 * * *", "example_project.desk.tasks.write_reports",
        "--timezone", "Europe/Paris", stdout=sys.stderr,
    )  # fmt: skip
    return {"schedule": "nightly"}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
