"""What becomes of jobs that wait for others, worked out anew from all of them after each step."""

from dataclasses import dataclass, field

from django_taskq.jobs.origin import TriggerRule
from django_taskq.jobs.states import ENDED, RETRYABLE, State
from django_taskq.jobs.trigger import Decision, Standing, decide


@dataclass
class Node:
    """One job."""

    rule: TriggerRule
    upstreams: tuple[str, ...]
    state: State
    is_blocked: bool = False
    is_deleted: bool = False
    was: Standing | None = None

    @property
    def standing(self) -> Standing | None:
        """How it counts now."""
        if self.is_deleted:
            lasts = self.was in (Standing.SUCCESSFUL, Standing.SKIPPED)
            return self.was if lasts else Standing.GONE
        if self.is_blocked:
            return Standing.BLOCKED
        return Standing(self.state.value.lower()) if self.state in ENDED else None


@dataclass
class GraphModel:
    """Jobs by id. Every step ends with rounds in which all that wait are decided about at once."""

    nodes: dict[str, Node] = field(default_factory=dict)

    def insert(self, id: str, rule: TriggerRule, upstreams: tuple[str, ...]) -> None:
        """Add a job."""
        state = State.DEFERRED if upstreams else State.READY
        self.nodes[id] = Node(rule, upstreams, state)
        self._settle()

    def move(self, id: str, state: State) -> None:
        """Have a job be in this state, after a claim or an end."""
        self.nodes[id].state = state
        self._settle()

    def cancel(self, id: str) -> None:
        """Cancel a job that is not running."""
        node = self.nodes[id]
        if node.state not in ENDED:
            node.state, node.is_blocked = State.CANCELED, False
        self._settle()

    def retry(self, id: str) -> None:
        """Run an ended job again."""
        if self.nodes[id].state in RETRYABLE:
            self.move(id, State.READY)

    def delete(self, id: str) -> None:
        """Forget an ended job."""
        node = self.nodes[id]
        if node.state in ENDED:
            node.was, node.is_deleted = node.standing, True
        self._settle()

    def told(self) -> dict[str, tuple[State, bool]]:
        """Return the state of each job there is, and whether it is blocked."""
        return {
            id: (node.state, node.is_blocked)
            for id, node in self.nodes.items()
            if not node.is_deleted
        }

    def _settle(self) -> None:
        while changes := [
            (node, *after)
            for node in self.nodes.values()
            if node.state is State.DEFERRED
            and (after := self._after(node)) != (node.state, node.is_blocked)
        ]:
            for node, state, is_blocked in changes:
                node.state, node.is_blocked = state, is_blocked

    def _after(self, node: Node) -> tuple[State, bool]:
        counts = [self.nodes[id].standing for id in node.upstreams]
        successful, skipped = counts.count(Standing.SUCCESSFUL), counts.count(Standing.SKIPPED)
        failed = len(counts) - successful - skipped - counts.count(None)
        match decide(node.rule, len(counts), successful, failed, skipped):
            case Decision.RUN:
                return State.READY, False
            case Decision.SKIP:
                return State.SKIPPED, False
            case Decision.BLOCK if {Standing.CANCELED, Standing.GONE} & set(counts):
                return State.CANCELED, False
            case Decision.BLOCK:
                return State.DEFERRED, True
        return State.DEFERRED, False
