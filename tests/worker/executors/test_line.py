"""The line in which claims wait."""

from collections import deque

from django_taskq.jobs.claim import Claim
from django_taskq.worker.executors.line import enter
from tests.worker.claims import claim_of


def seqs(line: deque[Claim]) -> list[int]:
    return [claim.seq for claim in line]


def test_claims_stand_as_they_were_handed_out() -> None:
    line = deque([claim_of(seq=1)])
    enter(line, [claim_of(seq=2), claim_of(seq=3)])
    assert seqs(line) == [1, 2, 3]


def test_those_that_may_come_too_late_stand_before_all_others() -> None:
    line = deque([claim_of(seq=1)])
    given = [claim_of(seq=2), claim_of(seq=3, start_by=1.0), claim_of(seq=4, start_by=2.0)]
    enter(line, given)
    assert seqs(line) == [3, 4, 1, 2]
