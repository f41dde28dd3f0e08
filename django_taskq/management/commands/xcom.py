"""manage.py xcom: look at the values that jobs hand to one another, and delete them."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError

from django_taskq import sides, tenancy
from django_taskq.control import store_of
from django_taskq.jobs.xcom import DEFAULT_NAMESPACE, XComFilter, XComRecord
from django_taskq.management import arguments, tables
from django_taskq.management.arguments import CANNOT, WRONG
from django_taskq.management.jobs import value_of
from django_taskq.management.printing import PrintingCommand

COLUMNS = ("tenant", "namespace", "key", "value", "pushed by", "pushed", "expires", "backend")


class Command(PrintingCommand):
    """Parse what was asked for, hand it to the store, print what it says."""

    help = "Look at the values that jobs hand to one another, and delete them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the verbs and their options."""
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        listing = verbs.add_parser("list", help="The values that are read now, the latest first.")
        listing.add_argument("--tenant", help="Only values of this tenant.")
        listing.add_argument("--namespace", help="Only values of this namespace.")
        listing.add_argument(
            "--limit", type=arguments.whole_number(1, 10_000), default=50, help="How many (50)."
        )
        getting = verbs.add_parser("get", help="One value, as JSON.")
        getting.add_argument("key", metavar="KEY", help="Its key.")
        getting.add_argument("--task-id", metavar="NAME", help="Only what this job pushed.")
        clearing = verbs.add_parser("clear", help="Delete values of a namespace.")
        clearing.add_argument("keys", nargs="*", metavar="KEY", help="Only these; default: all.")
        for one in (getting, clearing):
            one.add_argument("--tenant", default="", help="Whose (of nobody).")
            one.add_argument(
                "--namespace", default=DEFAULT_NAMESPACE, help=f"Where ({DEFAULT_NAMESPACE})."
            )
        arguments.add_no_input(clearing)
        for one in (listing, getting, clearing):
            arguments.add_backends(one)
            arguments.add_format(one)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the verb."""
        _check(options)
        with arguments.store_errors():
            getattr(self, f"_{options['verb']}")(options)

    def _list(self, options: dict[str, Any]) -> None:
        found = list(_found(options, options["limit"]))
        found.sort(key=lambda item: item[1].pushed_at, reverse=True)
        del found[options["limit"] :]
        if options["format"] == "json":
            self.write_json([_entry_of(alias, record) for alias, record in found])
        else:
            self.write(tables.table(COLUMNS, (_row_of(alias, record) for alias, record in found)))

    def _get(self, options: dict[str, Any]) -> None:
        key, tenant, namespace = (options[name] for name in ("key", "tenant", "namespace"))
        for alias in arguments.wanted_aliases(options["backends"]):
            xcoms = store_of(alias).xcoms
            found = xcoms.pull(tenant, [namespace], [key], options["task_id"])
            if key in found:
                value = value_of(found[key])
                as_json = options["format"] == "json"
                self.write(tables.as_json(value) if as_json else tables.compact(value))
                return
        whose = f" of the tenant {tenant!r}" if tenant else ""
        raise CommandError(
            f"get: there is no value under {key!r} in the namespace {namespace!r}{whose}.",
            returncode=CANNOT,
        )

    def _clear(self, options: dict[str, Any]) -> None:
        keys, tenant, namespace = (options[name] for name in ("keys", "tenant", "namespace"))
        aliases = arguments.wanted_aliases(options["backends"])
        if options["interactive"]:
            what = ", ".join(map(repr, keys)) or "all"
            whose = f" of the tenant {tenant!r}" if tenant else ""
            self.confirm(
                "clear",
                f"XCom values in the namespace {namespace!r}{whose}: {what}. They are deleted.",
                "deleted",
            )
        done = {
            alias: store_of(alias).xcoms.delete(tenant, namespace, keys or None)
            for alias in aliases
        }  # fmt: skip
        if options["format"] == "json":
            self.write_json(done)
        else:
            self.write(tables.table(("backend", "deleted"), done.items()))


def _check(options: dict[str, Any]) -> None:
    """Raise CommandError for a name that no value can have."""
    checks = {"tenant": tenancy.check_tenant, "namespace": sides.check_namespace}
    for name, check in checks.items():
        wrong = None if options[name] is None else check(options[name])
        if wrong is not None:
            raise CommandError(f"--{name}: {wrong}.", returncode=WRONG)
    for key in [*(options.get("keys") or ()), *([options["key"]] if "key" in options else ())]:
        wrong = sides.check_key(key)
        if wrong is not None:
            raise CommandError(f"KEY: {wrong}.", returncode=WRONG)


def _found(options: dict[str, Any], limit: int) -> Iterator[tuple[str, XComRecord]]:
    wanted = XComFilter(options["tenant"], options["namespace"], limit)
    for alias in arguments.wanted_aliases(options["backends"]):
        for record in store_of(alias).xcoms.find(wanted):
            yield alias, record


def _row_of(alias: str, record: XComRecord) -> tuple[Any, ...]:
    return (
        record.tenant, record.namespace, record.key, record.value, record.pushed_by,
        record.pushed_at, record.expires_at, alias,
    )  # fmt: skip


def _entry_of(alias: str, record: XComRecord) -> dict[str, Any]:
    return {**record._asdict(), "value": value_of(record.value), "backend": alias}
