"""Serve the desk with a worker beside it: `python -m example_project.serve`."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from example_project.child import Child, treat_ends_alike
from example_project.hold import DeskBusy, hold
from example_project.opening import PASSWORD, USER, open_desk, set_up, welcome

CUSTOMERS = ["Acme", "Globex", "Initech"]
LOOK_EVERY = 0.5
WORKER_GRACE = 10.0
GRACE = WORKER_GRACE + 5
HURRY = 5.0


def main() -> int:
    """Serve until Ctrl-C; return the exit status."""
    options = read_arguments()
    set_up()
    from django.conf import settings

    treat_ends_alike()
    try:
        with hold(Path(settings.VAR)):
            open_desk()
            welcome(CUSTOMERS)
            return serve(options)
    except DeskBusy as error:
        print(error, file=sys.stderr)
        return 2


def read_arguments() -> Namespace:
    """Return where to serve."""
    parser = ArgumentParser(prog="python -m example_project.serve", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    return parser.parse_args()


def serve(options: Namespace) -> int:
    """Run the site and a worker; both end with this process, and each with the other."""
    children: list[Child] = []
    try:
        # Without the reloader, which would end the worker in the middle of its jobs.
        children.append(
            Child("worker", ["runworker", "--no-reload", "--grace", f"{WORKER_GRACE:g}"])
        )
        children.append(Child("site", ["runserver", f"{options.host}:{options.port}"]))
        print_addresses(f"http://{options.host}:{options.port}/")
        ended = wait_for_one(children)
        print(f"The {ended.name} ended with status {ended.status}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopping the site and the worker.")
        return 0
    finally:
        stop(children)


def print_addresses(site: str) -> None:
    """Tell where everything is."""
    print(f"The desk   {site}")
    print(f"The admin  {site}admin/  ({USER} / {PASSWORD})")
    print(
        "Ctrl-C ends the site and its worker. The site reloads when code changes, the worker\n"
        "does not.",
        flush=True,
    )


def wait_for_one(children: Sequence[Child]) -> Child:
    """Return the first child that ends."""
    while True:
        for child in children:
            if child.wait(LOOK_EVERY) is not None:
                return child


def stop(children: Sequence[Child]) -> None:
    """End all children, together; interrupted meanwhile, at once."""
    try:
        _end(children, GRACE)
    except KeyboardInterrupt:
        print("Giving running jobs back now.")
        _end(children, HURRY)


def _end(children: Sequence[Child], grace: float) -> None:
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.await_end(grace)


if __name__ == "__main__":
    sys.exit(main())
