"""XCom values in Redis, beside the jobs that push them."""

from collections.abc import Iterator, Sequence
from itertools import batched
from typing import Any

from django_taskq.jobs.xcom import XCom, XComFilter, XComRecord
from django_taskq.stores.redis.codec import read_moment, read_space, write_space
from django_taskq.stores.redis.scripts import Argument, Scripts
from django_taskq.stores.xcoms import XComs

# Values, or keys, per script: Redis does nothing else while one runs.
CHUNK = 250
# Keys per script where the values come too, each of which may have some hundred kilobytes.
WITH_VALUES = 50
# What one push sends at a time; a single value may be longer.
MOST_BYTES = 1_000_000
# What of a value its record tells, in the order in which the scripts do.
_FIELDS = ("key", "pushed", "expires", "job", "attempt", "by", "value")


class RedisXComs(XComs):
    """The values of one alias.

    The fence is at the read, as everywhere: a script compares the attempt of a value with that of
    its job. A job that leaves for the archive does so with the attempt that is its last, so its
    values are marked as kept then, and those of earlier attempts go; one that comes back out of the
    archive for a retry begins without any. Lives are measured by the clock of the store, and
    `prune` deletes what has expired: until then nobody reads it.
    """

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def push(self, values: Sequence[XCom]) -> None:
        """Store values, later ones over earlier ones."""
        for chunk in _chunks(values):
            arguments: list[Argument] = []
            for value in chunk:
                pusher, ttl = value.pusher, value.ttl
                arguments += (
                    write_space(value.tenant, value.namespace),
                    value.key,
                    value.value,
                    "" if ttl is None else round(ttl * 1_000_000),
                    *(("", "", "") if pusher is None else (pusher[2], pusher[1], pusher[3])),
                )
            self._scripts.run("push", *arguments)

    def pull(
        self, tenant: str, namespaces: Sequence[str], keys: Sequence[str], by: str | None = None
    ) -> dict[str, str]:
        """Return values as JSON text by key, each from the first namespace that has one."""
        spaces = [write_space(tenant, namespace) for namespace in namespaces]
        found: dict[str, str] = {}
        for chunk in batched(dict.fromkeys(keys), CHUNK):
            told = self._scripts.run("pull", by or "", len(spaces), *spaces, *chunk)
            values = zip(chunk, told, strict=True)
            found |= {key: value.decode() for key, value in values if value is not None}
        return found

    def find(self, wanted: XComFilter) -> list[XComRecord]:
        """Return the value that counts under each key, the one pushed last first."""
        found = [
            (number, record)
            for space in self._spaces(wanted.tenant, wanted.namespace)
            for number, record in self._tops(space, has_values=True)
        ]
        found.sort(key=lambda pair: pair[0], reverse=True)
        return [record for _, record in found[: wanted.limit]]

    def of_job(self, job_id: str, limit: int) -> list[XComRecord]:
        """Return what the attempts of a job pushed, the last one first."""
        client, keys = self._scripts.client(), self._scripts.keys
        numbers = sorted(map(int, client.hvals(keys.name("pushed:", job_id))), reverse=True)
        pipeline = client.pipeline(transaction=False)
        for number in numbers[:limit]:
            pipeline.hmget(keys.name("xcom:", str(number)), "space", *_FIELDS)
        # One that was evicted, or deleted meanwhile, is not there any more.
        told = [fields for fields in pipeline.execute() if fields[0] is not None]
        return [_record_of(*read_space(space), fields) for space, *fields in told]

    def namespaces(self, tenant: str) -> list[str]:
        """Return the names of the namespaces that have values."""
        return sorted(
            read_space(space)[1] for space in self._spaces(tenant, None) if any(self._tops(space))
        )

    def keys(self, tenant: str, namespace: str) -> list[str]:
        """Return the keys under which values are."""
        space = write_space(tenant, namespace).encode()
        return sorted(record.key for _, record in self._tops(space))

    def delete(self, tenant: str, namespace: str, keys: Sequence[str] | None = None) -> int:
        """Delete what is stored under some keys, or all of a namespace."""
        space = write_space(tenant, namespace)
        if keys is None:
            return self._erase(space)
        return sum(self._erase(space, *chunk) for chunk in batched(dict.fromkeys(keys), CHUNK))

    def prune(self, limit: int) -> int:
        """Delete at most `limit` values that have expired."""
        deleted = 0
        while deleted < limit:
            room = min(CHUNK, limit - deleted)
            count: int = self._scripts.run("expire", room)
            deleted += count
            if count < room:
                break
        return deleted

    def _erase(self, space: str, *keys: str) -> int:
        deleted = 0
        while True:
            count: int = self._scripts.run("erase", space, CHUNK, *keys)
            deleted += count
            if count < CHUNK:
                return deleted

    def _spaces(self, tenant: str | None, namespace: str | None) -> list[bytes]:
        if tenant is not None and namespace is not None:
            return [write_space(tenant, namespace).encode()]
        client, name = self._scripts.client(), self._scripts.keys.name("spaces")
        if tenant is None:
            found = client.zrange(name, 0, -1)
        else:
            prefix = write_space(tenant, "").encode()
            found = client.zrangebylex(name, b"[" + prefix, b"(" + prefix + b"\xff")
        return [space for space in found if namespace in (None, read_space(space)[1])]

    def _tops(self, space: bytes, *, has_values: bool = False) -> Iterator[tuple[int, XComRecord]]:
        """Return the values that count in a space, with their numbers; a page at a time."""
        tenant, namespace = read_space(space)
        begin: bytes = b"-"
        most = WITH_VALUES if has_values else CHUNK
        while True:
            behind, *told = self._scripts.run("tops", space, begin, most, int(has_values))
            for number, *fields in batched(told, 8):
                yield int(number), _record_of(tenant, namespace, fields)
            if not behind:
                return
            begin = b"(" + behind


def _chunks(values: Sequence[XCom]) -> Iterator[list[XCom]]:
    """Cut values so that no script takes long or sends more than MOST_BYTES."""
    chunk: list[XCom] = []
    size = 0
    for value in values:
        if chunk and (len(chunk) >= CHUNK or size + len(value.value) > MOST_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(value)
        size += len(value.value)
    if chunk:
        yield chunk


def _record_of(tenant: str, namespace: str, fields: Sequence[Any]) -> XComRecord:
    key, pushed, expires, job, attempt, by, value = fields
    return XComRecord(
        tenant,
        namespace,
        key.decode(),
        "" if value is None else value.decode(),
        read_moment(pushed),
        None if expires is None else read_moment(expires),
        None if job is None else job.decode(),
        None if attempt is None else int(attempt),
        None if by is None else by.decode(),
    )
