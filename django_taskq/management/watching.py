"""The live view of `taskq stats --watch`: what happens, and how fast."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from threading import Event

from django_taskq.control import store_of
from django_taskq.jobs.counts import Counts, Ending, Histogram, by_queue
from django_taskq.jobs.rollups import Span
from django_taskq.management import tables
from django_taskq.worker.connections import drop_connections
from django_taskq.worker.loop import told

# The cursor to the corner, and nothing below it.
CLEAR = "\x1b[H\x1b[J"
PAUSE = 2.0
BACK = timedelta(minutes=5)
_COLUMNS = (
    "queue", "attempts/s", "successful", "failed", "retried", "late", "wait p50", "wait p95",
    "run p50", "run p95",
)  # fmt: skip


def watch(draw: Callable[[], str], write: Callable[[str], None], pause: float) -> None:
    """Draw again and again until Ctrl-C; what fails is shown in the place of the numbers."""
    try:
        while True:
            try:
                text = draw()
            except Exception as error:
                drop_connections()
                text = told(error)
            write(f"{CLEAR}{text}\n\nCtrl-C ends.")
            Event().wait(pause)
    except KeyboardInterrupt:
        return


def rates_of(alias: str, now: datetime) -> str:
    """Return what was counted in the last minutes by queue, or that nothing was."""
    rollups = store_of(alias).rollups(Span.MINUTE, now - BACK)
    counted = by_queue(rollup.counts for rollup in rollups)
    rows = [tuple(_row(counts)) for counts in counted if any(counts.endings)]
    about = f"{alias}, the last {BACK.total_seconds() / 60:.0f} minutes"
    return (
        f"{about}:\n{tables.table(_COLUMNS, rows)}" if rows else f"{about}: no attempt has ended."
    )


def _row(counts: Counts) -> Iterable[object]:
    total = sum(counts.endings)
    return (
        counts.queue, f"{total / BACK.total_seconds():.1f}", counts.of(Ending.SUCCESSFUL),
        counts.of(Ending.FAILED) + counts.of(Ending.LOST), counts.of(Ending.RETRIED),
        counts.of(Ending.LATE), *_quantiles(counts.waits), *_quantiles(counts.runs),
    )  # fmt: skip


def _quantiles(histogram: Histogram) -> Iterable[str]:
    for share in (0.5, 0.95):
        seconds = histogram.quantile(share)
        yield "-" if seconds is None else f"{seconds:.3g} s"
