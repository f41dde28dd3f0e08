"""Taking jobs back from workers that have gone."""

from datetime import datetime

from django_taskq.jobs.fate import Death
from django_taskq.jobs.reasons import FELL_SILENT
from django_taskq.jobs.states import State
from django_taskq.jobs.upkeep import Reaped
from django_taskq.stores.memory import endings
from django_taskq.stores.memory.board import Board
from django_taskq.stores.memory.job import MemoryJob
from django_taskq.stores.memory.roll import Roll
from django_taskq.stores.memory.waiting import Bells


def reap(board: Board, roll: Roll, bells: Bells, max_lost: int, now: datetime) -> Reaped:
    """Take jobs back from workers whose lease is over, or that are not known at all."""
    taken: list[MemoryJob] = []
    lost = roll.expired(now)
    strangers = [id for id in board.hands if id not in roll]
    for worker_id in (*lost, *strangers):
        taken += _take_back(board, worker_id, roll.is_solo(worker_id), max_lost, now)
        leave(board, roll, bells, worker_id)
    released = sum(job.state is State.READY for job in taken)
    failed, canceled = (
        tuple(job.spec.id for job in taken if job.state is state)
        for state in (State.FAILED, State.CANCELED)
    )
    return Reaped(tuple(lost), released, failed, canceled=canceled)


def give_back_all(board: Board, worker_id: str, now: datetime) -> int:
    """Give back all that a worker holds, free of charge; return how many."""
    held = board.held(worker_id)
    for job in held:
        endings.give_back(board, job, now)
    return len(held)


def leave(board: Board, roll: Roll, bells: Bells, worker_id: str) -> None:
    """Forget a worker that holds nothing any more."""
    roll.leave(worker_id)
    bells.disarm(worker_id)
    board.hands.pop(worker_id, None)


def _take_back(
    board: Board, worker_id: str, is_solo: bool, max_lost: int, now: datetime
) -> list[MemoryJob]:
    death = Death(worker_id, FELL_SILENT, was_alone=is_solo)
    held = board.held(worker_id)
    for job in held:
        if job.is_started or is_solo:
            endings.lose(board, job, death, max_lost, now)
        else:
            endings.give_back(board, job, now)
    return held
