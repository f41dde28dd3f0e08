"""manage.py tenant: list tenants, weigh, limit, pause and resume them."""

from argparse import SUPPRESS, ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.core.management.base import CommandError

from django_taskq.jobs.insights import LaneCount
from django_taskq.management import arguments, rules
from django_taskq.management.arguments import WRONG
from django_taskq.management.ruling import RulingCommand
from django_taskq.models import Tenant
from django_taskq.models.tenant import HEAVIEST
from django_taskq.standings import TenantStanding, tenants_in


class Command(RulingCommand):
    """Parse what was asked for, have the rows written, print what they say."""

    help = "List tenants, weigh, limit, pause and resume them."
    kind = Tenant

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the verbs and their options."""
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        self.add_shared(verbs)
        setting = self.add_named(
            verbs, "set", "Say how a tenant is served; what is not named stays."
        )
        setting.add_argument(
            "--weight", type=arguments.whole_number(1, HEAVIEST), metavar="W", default=SUPPRESS,
            help="Its share of worker time beside other tenants that wait, 1 to 1000.",
        )  # fmt: skip
        setting.add_argument(
            "--max-running", type=rules.or_none(rules.max_running), metavar="N", default=SUPPRESS,
            help="How many of its jobs run at once, over all workers; none for no limit.",
        )  # fmt: skip
        setting.add_argument(
            "--max-rate", type=rules.or_none(rules.max_rate), metavar="R", default=SUPPRESS,
            help="How often its jobs start: 10/s, 600/m, 1000/h; none for no limit.",
        )  # fmt: skip

    def standings(self, database: str, lanes: Iterable[LaneCount]) -> Iterable[TenantStanding]:
        """Return the tenants of a database."""
        return tenants_in(database, lanes)

    def _set(self, options: dict[str, Any]) -> None:
        values = {name: options[name] for name in _SETTABLE if name in options}
        if not values:
            raise CommandError(
                "set: expected at least one of --weight, --max-running and --max-rate, got none.",
                returncode=WRONG,
            )
        self.rule(options, values)


_SETTABLE = ("weight", "max_running", "max_rate")
