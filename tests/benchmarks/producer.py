"""One step with one peer: ``python -m tests.benchmarks.producer PEER STEP OPTIONS``.

The options are JSON; the last line written is the step's answer, JSON too.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from tests.benchmarks.peers import entry
from tests.benchmarks.place import Place
from tests.benchmarks.steps import STEPS, Bench
from tests.benchmarks.tally import VARIABLE, Tally, current
from tests.benchmarks.worker import PLACE


def main() -> None:
    """Open the peer, take the step, say what was measured."""
    # Leave in the ordinary way when told to stop, so that the worker is stopped too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    name, step, options = sys.argv[1:]
    place = Place.load(os.environ[PLACE])
    tally = Path(os.environ[VARIABLE])
    peer = entry(name).load(place)
    peer.open()
    bench = Bench(entry(name), peer, place, Tally.create(tally), tally.parent)
    current()
    measured = STEPS[step](bench, **json.loads(options))
    peer.close()
    sys.stdout.write(json.dumps(measured) + "\n")


if __name__ == "__main__":
    main()
