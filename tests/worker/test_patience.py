"""How much later a worker asks to be allowed to start what a rate counts."""

from django_taskq.worker.patience import FIRST, MOST, Patience


def test_a_worker_in_time_asks_for_nothing() -> None:
    patience = Patience()
    for _ in range(100):
        patience.learn(is_late=False)
    assert patience.seconds == 0.0


def test_late_starts_ask_for_more_each_time_up_to_a_bound() -> None:
    patience, seen = Patience(), []
    for _ in range(20):
        patience.learn(is_late=True)
        seen.append(patience.seconds)
    assert seen[:3] == [FIRST, 2 * FIRST, 4 * FIRST]
    assert seen[-1] == MOST


def test_starts_in_time_bring_it_back_to_nothing() -> None:
    patience = Patience()
    for _ in range(5):
        patience.learn(is_late=True)
    for _ in range(100):
        patience.learn(is_late=False)
    assert patience.seconds == 0.0
