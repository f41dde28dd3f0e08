"""The results that jobs of pipelines get as their first argument, put in front when claimed."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from django_taskq.jobs.claim import Claim
from django_taskq.jobs.inputs import Input, inputs_of, item_ids, prepend, value_of
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.states import State
from django_taskq.stores.base import Store


def with_inputs(
    store: Store, claims: list[Claim], known: Mapping[str, str] = MappingProxyType({})
) -> list[Claim]:
    """Return claims with the results that they are to be given before their other arguments.

    Asks nobody where no claim is given any, nor for results that are `known`, by id. A result that
    is missing, since its job failed or is gone, counts as None.
    """
    wanted = {
        claim.seq: inputs
        for claim in claims
        if claim.run_id is not None and (inputs := inputs_of(claim.trace, claim.run_id)) is not None
    }
    if not wanted:
        return claims
    results = _Results(store, [each for inputs in wanted.values() for each in inputs], known)
    return [
        claim._replace(args=prepend(claim.args, results.of(wanted[claim.seq])))
        if claim.seq in wanted
        else claim
        for claim in claims
    ]


class _Results:
    """What jobs returned, as JSON text; read by two questions, the second for mapped steps."""

    def __init__(self, store: Store, inputs: Iterable[Input], known: Mapping[str, str]) -> None:
        self._store = store
        self._found = dict(known)
        distinct = dict.fromkeys(inputs)
        self._read([each.id for each in distinct if each.id not in known])
        self._items = {
            each.id: item_ids(each.id, int(count))
            for each in distinct
            if each.is_mapped and (count := self._found.get(each.id, "")).isdecimal()
        }
        self._read([id for ids in self._items.values() for id in ids])

    def of(self, inputs: Sequence[Input]) -> str:
        """Return what a job with these inputs is given."""
        return value_of([self._value(each) for each in inputs], is_single=len(inputs) == 1)

    def _value(self, each: Input) -> str | None:
        if not each.is_mapped:
            return self._found.get(each.id)
        ids = self._items.get(each.id)
        if ids is None:
            return None
        return value_of([self._found.get(id) for id in ids], is_single=False)

    def _read(self, ids: Sequence[str]) -> None:
        records: list[JobRecord] = self._store.get(ids) if ids else []
        for record in records:
            if record.state == State.SUCCESSFUL and record.result is not None:
                self._found[record.id] = record.result
