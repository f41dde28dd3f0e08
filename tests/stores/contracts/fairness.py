"""Promises of fairness and limits: the vectors, on every store."""

import pytest

from django_taskq.jobs.rules import Rules
from tests.stores import vectors
from tests.stores.places import Place
from tests.stores.stories import Story
from tests.stores.telling import StoreTeller, Telling


class Fairness:
    """Whose job starts next, and how many may."""

    @pytest.mark.parametrize("subject", vectors.SUBJECTS)
    def test_stories_are_told_as_they_are_written(self, place: Place, subject: str) -> None:
        wrong = [told for story in vectors.SUBJECTS[subject] if (told := tell(place, story))]

        assert not wrong, "\n".join(wrong)


def tell(place: Place, story: Story) -> str | None:
    """Tell a story to a store of its own; return what went otherwise, None where nothing did."""
    teller = StoreTeller(place, story)
    try:
        Telling(teller).tell(story.steps)
    except AssertionError as error:
        return f"{story.name}: {error}"
    finally:
        teller.rule(Rules())
        teller.store.close()
    return None
