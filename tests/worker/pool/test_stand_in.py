"""What stands in a parent for the exception of a child."""

import traceback

from django_taskq.jobs.claim import TryError
from django_taskq.worker.pool.stand_in import StandIn, stand_in


def test_it_looks_like_the_exception_and_shows_where_that_was_raised() -> None:
    told = TryError("shop.errors.OutOfStock", "Traceback (most recent call last):\n  in sell\n")
    made = stand_in(told, "no more of it")
    assert isinstance(made, StandIn)
    assert (type(made).__module__, type(made).__name__) == ("shop.errors", "OutOfStock")
    assert str(made) == "no more of it"
    shown = "".join(traceback.format_exception(made))
    assert "in sell" in shown
    assert shown.rstrip().endswith("shop.errors.OutOfStock: no more of it")


def test_exceptions_of_one_class_have_stand_ins_of_one_class() -> None:
    assert type(stand_in(TryError("a.B", ""), "1")) is type(stand_in(TryError("a.B", ""), "2"))
