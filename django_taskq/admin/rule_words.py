"""What the pages of tenants and of queues say, of each in sentences of its own."""

from collections.abc import Callable
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

PAUSE, RESUME = "pause", "resume"
BUTTONS = {PAUSE: gettext_lazy("Pause"), RESUME: gettext_lazy("Resume")}
# What the log says, which is stored and so in one language.
NOTES = {PAUSE: "Not paused -> paused.", RESUME: "Paused -> not paused."}

type Told = Callable[[int], str]


class RuleWords(NamedTuple):
    """Sentences about so many rows: what will become of them, and what has."""

    pausing: Told
    resuming: Told
    paused: Told
    resumed: Told

    def told(self, count: int, *, is_paused: bool) -> str:
        """Return what becomes of so many tenants or queues."""
        return self.pausing(count) if is_paused else self.resuming(count)

    def done(self, count: int, *, is_paused: bool) -> str:
        """Return what has become of so many tenants or queues."""
        return self.paused(count) if is_paused else self.resumed(count)


TENANTS = RuleWords(
    pausing=lambda count: ngettext(
        "Jobs of %(count)d tenant start no more until that is resumed; those that run go on.",
        "Jobs of %(count)d tenants start no more until that is resumed; those that run go on.",
        count,
    ) % {"count": count},
    resuming=lambda count: ngettext(
        "Jobs of %(count)d tenant may start again.",
        "Jobs of %(count)d tenants may start again.",
        count,
    ) % {"count": count},
    paused=lambda count: ngettext(
        "%(count)d tenant now paused.", "%(count)d tenants now paused.", count
    ) % {"count": count},
    resumed=lambda count: ngettext(
        "%(count)d tenant now not paused.", "%(count)d tenants now not paused.", count
    ) % {"count": count},
)  # fmt: skip
QUEUES = RuleWords(
    pausing=lambda count: ngettext(
        "Jobs of %(count)d queue start no more until that is resumed; those that run go on.",
        "Jobs of %(count)d queues start no more until that is resumed; those that run go on.",
        count,
    ) % {"count": count},
    resuming=lambda count: ngettext(
        "Jobs of %(count)d queue may start again.",
        "Jobs of %(count)d queues may start again.",
        count,
    ) % {"count": count},
    paused=lambda count: ngettext(
        "%(count)d queue now paused.", "%(count)d queues now paused.", count
    ) % {"count": count},
    resumed=lambda count: ngettext(
        "%(count)d queue now not paused.", "%(count)d queues now not paused.", count
    ) % {"count": count},
)  # fmt: skip


def left_told(count: int, *, is_paused: bool) -> str:
    """Return that so many rows were so before."""
    if is_paused:
        told = ngettext(
            "%(count)d left as before: paused already.",
            "%(count)d left as before: paused already.",
            count,
        )
    else:
        told = ngettext(
            "%(count)d left as before: not paused already.",
            "%(count)d left as before: not paused already.",
            count,
        )
    return told % {"count": count}


def subtitle_in(of: str | None, database: str) -> str:
    """Return what a page is about, and in which of several databases that is."""
    return _("%(of)s, in the database “%(database)s”") % {
        "of": of or _("a new one"),
        "database": database,
    }
