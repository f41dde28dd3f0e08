"""The header that names a job's inputs."""

import pytest

from django_taskq.jobs import payload
from django_taskq.jobs.ids import derived_id, new_id, parse_id
from django_taskq.jobs.inputs import (
    HEADER,
    Input,
    Source,
    inputs_of,
    item_ids,
    prepend,
    sources_of,
    value_of,
    with_inputs,
)


@pytest.mark.parametrize(
    ("sources", "written"),
    [
        ([Source(3)], "3"),
        ([Source(0), Source(1), Source(2), Source(7)], "0-2,7"),
        ([Source(2), Source(1)], "2,1"),
        ([Source(4, is_mapped=True), Source(5)], "4*,5"),
        ([Source("0198-x", is_mapped=True)], "0198-x*"),
    ],
)
def test_sources_are_written_short_and_read_back(sources: list[Source], written: str) -> None:
    trace = with_inputs('{"sentry-trace":"1"}', sources)
    assert trace is not None
    assert payload.decode(trace) == {"sentry-trace": "1", HEADER: written}
    assert sources_of(trace) == sources


def test_jobs_without_inputs_carry_no_header() -> None:
    assert with_inputs(None, []) is None
    assert sources_of(None) is None
    assert sources_of('{"sentry-trace":"1"}') is None
    assert inputs_of(with_inputs(None, [Source(1)]), None) is None


def test_a_number_is_a_job_of_the_same_run_and_an_id_one_of_another() -> None:
    run_id, other = new_id(), new_id()
    trace = with_inputs(None, [Source(1), Source(other, is_mapped=True)])
    assert inputs_of(trace, run_id) == [Input(derived_id(run_id, 1)), Input(other, is_mapped=True)]


def test_derived_ids_are_the_same_each_time_and_differ_by_place() -> None:
    run_id = new_id()
    ids = item_ids(derived_id(run_id, 7), 1000)
    assert ids == item_ids(derived_id(run_id, 7), 1000)
    assert len({*ids, *item_ids(derived_id(run_id, 8), 1000)}) == 2000
    assert all(parse_id(id) == id and id[:13] == run_id[:13] and id[14] == "7" for id in ids)


def test_values_are_put_in_front_of_arguments() -> None:
    assert prepend("[]", "1") == "[1]"
    assert prepend('["a"]', "[1,2]") == '[[1,2],"a"]'
    assert value_of(["1"], is_single=True) == "1"
    assert value_of(["1", None], is_single=False) == "[1,null]"
    assert value_of([], is_single=False) == "[]"


@pytest.mark.parametrize("trace", ['{"taskq-inputs":3}', '["taskq-inputs"]', '{"taskq-inputs":'])
def test_a_header_that_cannot_be_read_names_nothing(trace: str) -> None:
    assert sources_of(trace) is None
    assert sources_of('{"taskq-inputs":"0-99999999"}') is None
