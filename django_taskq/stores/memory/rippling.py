"""What the end of jobs in memory does to those that wait for them."""

from datetime import datetime

from django_taskq.jobs.origin import NO_ORIGIN, TriggerRule, rule_of
from django_taskq.jobs.reasons import blocked_reason, final_reason, never_reason
from django_taskq.jobs.ripple import Move
from django_taskq.jobs.states import Failure, State
from django_taskq.jobs.trigger import Decision
from django_taskq.stores.memory.board import Board
from django_taskq.stores.memory.job import MemoryJob


def tidy(board: Board, keep: int, now: datetime) -> None:
    """Move what has waited for what ended; then forget the oldest of the ended ones."""
    spread(board, now)
    if board.drop_oldest(keep):
        spread(board, now)


def spread(board: Board, now: datetime) -> None:
    """Move the jobs that wait for what has changed."""
    if not board.graph:
        return
    ripple = board.graph.spread()
    for seq, move in ripple.moves.items():
        _move(board, board.graph.jobs[seq], move, board.graph.name_of(move.cause.upstream), now)
    # What they count as is known already.
    board.graph.settled()


def _move(board: Board, job: MemoryJob, move: Move, upstream: str, now: datetime) -> None:
    standing = move.cause.standing
    if move.decision is Decision.BLOCK and not move.is_canceled:
        board.block(job, blocked_reason(upstream, standing))
        return
    board.unblock(job)
    if move.decision is Decision.RUN:
        _let_run(board, job, now)
    elif move.decision is Decision.SKIP:
        rule = rule_of(job.spec.origin or NO_ORIGIN) or TriggerRule.ALL_SUCCESS
        job.failure, job.reason = Failure.DEPENDENCY, never_reason(rule, upstream, standing)
        board.end(job, State.SKIPPED, now)
    elif move.is_canceled:
        job.failure, job.reason = Failure.DEPENDENCY, final_reason(upstream, standing)
        board.end(job, State.CANCELED, now)
        board.falls.note([job.spec.id])


def _let_run(board: Board, job: MemoryJob, now: datetime) -> None:
    run_after = job.spec.run_after
    if run_after is not None and run_after > now:
        board.schedule(job, run_after)
        return
    board.rank(job, now)
    board.make_ready(job, now)
