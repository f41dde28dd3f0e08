"""Run the demonstration: `python -m example_project.demo`."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from time import monotonic
from uuid import UUID

from example_project.child import treat_ends_alike
from example_project.demo.files import Parcel, collect
from example_project.hold import DeskBusy, hold
from example_project.opening import PASSWORD, USER, open_desk, remove_database, set_up

INTERRUPTED = 130


def main() -> int:
    """Run the whole demonstration; return the exit status."""
    limit = read_arguments()
    set_up()
    from django.conf import settings

    try:
        with hold(Path(settings.VAR)):
            return demonstrate(limit)
    except DeskBusy as error:
        print(error, file=sys.stderr)
        return 2


def read_arguments() -> int | None:
    """Return how many files were asked for, None for all."""
    parser = ArgumentParser(prog="python -m example_project.demo", description=__doc__)
    parser.add_argument("--files", type=int, metavar="N", help="about that many files, not all")
    limit: int | None = parser.parse_args().files
    if limit is not None and limit < 1:
        parser.error(f"argument --files: expected at least 1, got {limit}.")
    return limit


def demonstrate(limit: int | None) -> int:
    """Fill a fresh desk, have a worker empty it, and tell how it went."""
    from example_project.demo.progress import ProgressDisplay
    from example_project.demo.run import run_worker
    from example_project.demo.verdict import complaints

    treat_ends_alike()
    try:
        remove_database()
        open_desk()
        parcels = collect(limit)
        submitted = hand_in(parcels)
        ask_for_digest(parcels)
        print("A worker (manage.py runworker --burst) reads them now.")
        run = run_worker(ProgressDisplay())
    except KeyboardInterrupt:
        return INTERRUPTED
    show_table()
    show_schedule()
    wrong = complaints(run, submitted)
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    if run.is_interrupted:
        print("Stopped before the end; `manage.py runworker --burst` goes on with what waits.")
    print_next_steps()
    if wrong:
        return 1
    return INTERRUPTED if run.is_interrupted else 0


def hand_in(parcels: list[Parcel]) -> list[UUID]:
    """Store the documents of each tenant with their jobs; return the ids of the jobs."""
    from example_project.desk.intake import submit
    from example_project.desk.models import Customer, Document

    started = monotonic()
    submitted: list[UUID] = []
    for parcel in parcels:
        customer = Customer.objects.create(slug=parcel.slug, name=parcel.name)
        documents = [
            Document(customer=customer, name=path.name, path=str(path)) for path in parcel.paths
        ]
        submitted += [UUID(result.id) for result in submit(customer, documents)]
    print(
        f"{len(submitted):,} files of {len(parcels)} tenants were handed in within "
        f"{monotonic() - started:.1f} s, the big tenant's first."
    )
    return submitted


def ask_for_digest(parcels: list[Parcel]) -> None:
    """Enqueue the digest of the tenant with the fewest files: a pipeline with a map and a join."""
    from example_project.desk.digest import digest_of

    smallest = min(parcels, key=lambda parcel: len(parcel.paths))
    run = digest_of(smallest.slug).enqueue(tenant=smallest.slug)
    print(f"A digest of {smallest.name} is a pipeline: /admin/django_taskq/run/{run.id}/change/")


def show_table() -> None:
    """Print the figures of each tenant as its stored jobs tell them."""
    from django_taskq.models import Job
    from example_project.demo.counting import JobTimes, by_tenant, figures_of
    from example_project.demo.table import table

    jobs = [JobTimes(*row) for row in Job.objects.values_list(*JobTimes._fields)]
    print(f"\n{table([*by_tenant(jobs), figures_of('all', jobs)])}\n")


def show_schedule() -> None:
    """Print when the desk's own schedule is due: the worker has stored it."""
    from django.core.management import call_command

    from example_project.desk.schedules import weekly

    print(f"The schedule {weekly.name!r} of example_project/desk/schedules.py is due next:")
    call_command("schedule", "next", weekly.name, "-n", "2")
    print()


def print_next_steps() -> None:
    """Say where to look next."""
    print(
        "What failed did so for a reason: an image is no text, a template no valid Python.\n"
        "\nWhere to look next:\n"
        "  make serve                   the site over these documents\n"
        f"  its /admin/                  each job and its tries; {USER} / {PASSWORD}\n"
        "  example_project/desk/        the tasks and the views\n"
        "  docs/                        quick start, backends, architecture"
    )


if __name__ == "__main__":
    sys.exit(main())
