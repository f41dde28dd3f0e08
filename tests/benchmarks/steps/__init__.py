"""What is done with one peer in one process, each step in a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.benchmarks.steps.bench import Bench
from tests.benchmarks.steps.bounds import cap, rate
from tests.benchmarks.steps.cancel import cancel
from tests.benchmarks.steps.cpu import cpu
from tests.benchmarks.steps.crowd import claims, crowd
from tests.benchmarks.steps.drain import drain
from tests.benchmarks.steps.enqueue import enqueue, enqueue_many
from tests.benchmarks.steps.fifo import fifo
from tests.benchmarks.steps.fleet import fleet, memory
from tests.benchmarks.steps.flood import flood
from tests.benchmarks.steps.history import fill
from tests.benchmarks.steps.idle import idle
from tests.benchmarks.steps.latency import latency
from tests.benchmarks.steps.layers import layers
from tests.benchmarks.steps.pool import pool
from tests.benchmarks.steps.prepare import prepare
from tests.benchmarks.steps.shares import lengths, weights
from tests.benchmarks.steps.steal import steal
from tests.benchmarks.steps.trickle import held, trickle
from tests.benchmarks.steps.wal import wal

STEPS: dict[str, Callable[..., dict[str, Any]]] = {
    "prepare": prepare,
    "enqueue": enqueue,
    "enqueue_many": enqueue_many,
    "cancel": cancel,
    "drain": drain,
    "latency": latency,
    "layers": layers,
    "pool": pool,
    "cpu": cpu,
    "fleet": fleet,
    "memory": memory,
    "fill": fill,
    "idle": idle,
    "wal": wal,
    "flood": flood,
    "trickle": trickle,
    "held": held,
    "weights": weights,
    "lengths": lengths,
    "fifo": fifo,
    "crowd": crowd,
    "claims": claims,
    "cap": cap,
    "rate": rate,
    "steal": steal,
}

__all__ = ["STEPS", "Bench"]
