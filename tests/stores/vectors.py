"""The fairness vectors: the one set of stories that every store has to tell alike.

What is expected was worked out by hand or by the pure reference, and stays as it is written.
"""

from tests.stores.stories import (
    Claim,
    Finish,
    Insert,
    OpensIn,
    Pass,
    QueueRow,
    Release,
    Retry,
    Story,
    TenantRow,
)

# What a job costs beside its own seconds, so that these take a round number in all.
OVERHEAD = 0.00005
MS_10 = 0.01 - OVERHEAD
MS_100 = 0.1 - OVERHEAD

TURNS = (
    Story(
        "tenants are served in turn, in the order of the bytes of their names",
        (
            *(Insert(tenant, 2) for tenant in ("b", "é", "a", "B", "\U0001f600")),
            Insert("", 2, label="none"),
            Claim(12, "none1 B1 a1 b1 é1 \U0001f6001 none2 B2 a2 b2 é2 \U0001f6002"),
        ),
    ),
    Story(
        "single claims go round as a batch does",
        (
            Insert("a", 9),
            Insert("b", 2),
            Insert("c", 2),
            *(Claim(1, name) for name in ["a1", "b1", "c1", "a2", "b2", "c2", "a3", "a4", "a5"]),
        ),
    ),
    Story(
        "the ring goes on behind whom it served last",
        (
            *(Insert(tenant, 3) for tenant in "abc"),
            Claim(2, "a1 b1"),
            Release("a1 b1"),
            Claim(3, "c1 a1 b1"),
            Release("a1 b1 c1"),
            Claim(1, "c1"),
        ),
    ),
    Story(
        "more tenants than a claim looks at are served in the order of the ring",
        (
            *(Insert(f"t{number:02}-", 2) for number in range(40)),
            Claim(5, " ".join(f"t{number:02}-1" for number in range(5))),
            *(Claim(1, f"t{number:02}-1") for number in range(5, 9)),
            Claim(31, " ".join(f"t{number:02}-1" for number in range(9, 40))),
            Claim(40, " ".join(f"t{number:02}-2" for number in range(40))),
            Claim(1, ""),
        ),
    ),
    Story(
        "what small tenants leave goes to the others",
        (
            Insert("flood", 9),
            Insert("small", 1),
            Claim(6, "flood1 small1 flood2 flood3 flood4 flood5"),
        ),
    ),
    Story(
        "a newcomer is served next",
        (
            Insert("flood", 9),
            Claim(4, "flood1 flood2 flood3 flood4"),
            Insert("new", 2),
            Claim(3, "new1 new2 flood5"),
        ),
    ),
    Story(
        "each worker has accounts and a ring of its own",
        (
            *(Insert(tenant, 9) for tenant in "ab"),
            Claim(1, "a1", worker="one"),
            Claim(1, "a2", worker="two"),
            Claim(3, "b1 b2 a3", worker="one"),
            Claim(3, "b3 b4 a4", worker="two"),
        ),
    ),
)

TIMES = (
    Story(
        "whoever had a long job waits until the others have had as much",
        (
            *(Insert(tenant, 30) for tenant in "abc"),
            Claim(3, "a1 b1 c1"),
            Finish("a1", 0.095),
            Finish("b1 c1", MS_10),
            Claim(6, "b2 c2 b3 c3 b4 c4"),
            Finish("b2 c2 b3 c3 b4 c4", MS_10),
            Claim(14, "b5 c5 b6 c6 b7 c7 b8 c8 b9 c9 b10 c10 a2 b11"),
        ),
    ),
    Story(
        "a job is charged what its task took before",
        (
            Insert("a", 1, task="slow"),
            Claim(1, "a1"),
            Finish("a1", MS_100),
            Insert("b", 9, task="slow"),
            Insert("c", 9, task="quick"),
            # Not known yet of the tenant, but charged for the next claim.
            Claim(2, "b1 c1"),
            Claim(3, "c2 c3 c4"),
        ),
    ),
    Story(
        "whoever was away has saved nothing",
        (
            Insert("a", 1),
            Claim(1, "a1"),
            Finish("a1", MS_10),
            Insert("b", 20),
            *(
                step
                for number in range(1, 11)
                for step in (Claim(1, f"b{number}"), Finish(f"b{number}", MS_100))
            ),
            Insert("a", 9),
            Claim(1, "a2"),
            Finish("a2", MS_100),
            Claim(2, "b11 a3"),
        ),
    ),
    Story(
        "whoever was away still has its debt",
        (
            Insert("a", 1),
            Claim(1, "a1"),
            Finish("a1", 1.0),
            Insert("b", 9),
            Claim(1, "b1"),
            Finish("b1", MS_10),
            Insert("a", 9),
            Claim(4, "b2 b3 b4 b5"),
        ),
    ),
    Story(
        "a job that never started costs nothing",
        (
            Insert("a", 2),
            Insert("b", 2),
            Claim(1, "a1"),
            Release("a1"),
            Claim(1, "b1"),
            Claim(1, "a1"),
        ),
    ),
    Story(
        "a failed try costs what it took",
        (
            Insert("a", 2),
            Insert("b", 5),
            Claim(1, "a1"),
            Retry("a1", MS_100),
            Claim(5, "b1 b2 b3 b4 b5"),
        ),
    ),
    Story(
        "turns follow the weights",
        (
            TenantRow("b", weight=2),
            TenantRow("c", weight=4),
            *(Insert(tenant, 20) for tenant in "abc"),
            Claim(14, "a1 b1 c1 c2 b2 c3 c4 a2 b3 c5 c6 b4 c7 c8"),
        ),
    ),
    Story(
        "a weight counts from when it was changed",
        (
            *(Insert(tenant, 20) for tenant in "ab"),
            Claim(4, "a1 b1 a2 b2"),
            TenantRow("b", weight=3),
            Claim(8, "a3 b3 b4 b5 a4 b6 b7 b8"),
            TenantRow("b"),
            Claim(4, "a5 b9 a6 b10"),
        ),
    ),
)

PRIORITIES = (
    Story(
        "within a tenant the larger priority comes first, and equal ones in order",
        (
            Insert("a", 2),
            Insert("a", 2, priority=80, label="high"),
            Insert("a", 2, priority=-80, label="low"),
            Insert("b", 3, priority=-100),
            Claim(9, "high1 b1 high2 b2 a1 b3 a2 low1 low2"),
        ),
    ),
    Story(
        "critical work comes first, in turn, but for one job in sixteen",
        (
            Insert("a", 30),
            Insert("x", 20, priority=100),
            Insert("y", 16, priority=100),
            Claim(17, "x1 y1 x2 y2 x3 y3 x4 y4 x5 y5 x6 y6 x7 y7 x8 a1 y8"),
            Claim(16, "x9 y9 x10 y10 x11 y11 x12 y12 x13 y13 x14 y14 x15 y15 a2 x16"),
            Claim(5, "y16 x17 x18 x19 x20"),
            Claim(2, "a3 a4"),
        ),
    ),
    Story(
        "a tenant in debt has no critical turn while others wait",
        (
            Insert("a", 1),
            Claim(1, "a1"),
            Finish("a1", 1.0),
            Insert("a", 3, priority=100, label="critical"),
            Insert("b", 4),
            Claim(2, "b1 b2"),
            Finish("b1 b2", MS_10),
            Claim(4, "b3 b4 critical1 critical2"),
        ),
    ),
    Story(
        "with aging a job that has waited long enough passes a larger priority",
        (
            Insert("a", 1, priority=0, label="old"),
            Pass(9),
            Insert("a", 1, priority=10, label="loud"),
            Insert("a", 1, priority=0, label="young"),
            Pass(2),
            Insert("a", 1, priority=10, label="late"),
            Claim(9, "loud1 old1 late1 young1"),
        ),
        priority_aging=1.0,
    ),
)

QUEUES = (
    Story(
        "queues are served in turn",
        (
            *(Insert("a", 3, queue=queue, label=queue) for queue in ("q", "p", "r")),
            *(Claim(1, name) for name in ["p1", "q1", "r1", "p2", "q2", "r2", "p3", "q3", "r3"]),
        ),
    ),
    Story(
        "a tenant of many queues gets no more than one of a single queue",
        (
            *(Insert("many", 9, queue=queue, label=queue) for queue in ("p", "q", "r")),
            Insert("one", 9, queue="q"),
            Claim(1, "p1"),
            Claim(1, "one1"),
            Claim(1, "r1"),
            Claim(1, "one2"),
            Claim(1, "r2"),
        ),
    ),
    Story(
        "a worker keeps to its queues",
        (
            *(Insert("a", 2, queue=queue, label=queue) for queue in ("p", "q", "r")),
            Claim(9, "q1 q2", queues=("q", "nowhere")),
            Claim(9, "p1 p2", excluded=("r",)),
            Claim(9, "", queues=("r",), excluded=("r",)),
            Claim(9, "r1 r2"),
        ),
    ),
)

PAUSES = (
    Story(
        "a paused tenant is passed over until it goes on",
        (
            Insert("a", 3),
            Insert("b", 3),
            TenantRow("a", is_paused=True),
            Claim(2, "b1 b2"),
            Claim(9, "b3"),
            Claim(9, ""),
            TenantRow("a"),
            Claim(9, "a1 a2 a3"),
        ),
    ),
    Story(
        "a paused queue is passed over until it goes on",
        (
            Insert("a", 2, queue="p", label="p"),
            Insert("a", 1, queue="p", label="critical", priority=100),
            Insert("a", 1, queue="q", label="q"),
            QueueRow("p", is_paused=True),
            Claim(9, "q1"),
            Claim(9, "", queues=("p",)),
            QueueRow("p"),
            Claim(9, "critical1 p1 p2"),
        ),
    ),
)

ASSIGNMENT = (
    Story(
        "own tenants come first and others are left alone",
        (
            *(Insert(tenant, 2) for tenant in "abcd"),
            Claim(3, "b1 d1 b2", own=("d", "b", "nobody")),
            Claim(9, "d2", own=("d", "b", "nobody")),
            Claim(9, "", own=("d", "b")),
        ),
    ),
    Story(
        "a worker steals only when its own tenants have nothing",
        (
            *(Insert(tenant, 3) for tenant in "ab"),
            Claim(2, "b1 b2", own=("b",), steal=("*",)),
            Claim(2, "b3 a1", own=("b",), steal=("*",)),
            Insert("c", 3),
            Claim(9, "c1 c2 c3", own=("b",), steal=("c", "d")),
            Claim(1, "a2", own=("b",), steal=("*",)),
            Insert("b", 1),
            Claim(9, "b4 a3", own=("b",), steal=("*",)),
        ),
    ),
    Story(
        "what is stolen is taken for free slots alone",
        (
            Insert("a", 9),
            Insert("b", 2),
            Claim(9, "b1 b2 a1", own=("b",), steal=("a",), free=3),
            Claim(9, "", own=("b",), steal=("a",), free=0),
        ),
    ),
    Story(
        "a worker steals what may start, not what is paused or full",
        (
            Insert("a", 2),
            Insert("b", 2, max_running=1),
            Insert("c", 2),
            TenantRow("a", is_paused=True),
            Claim(9, "b1 c1 c2", own=("b",), steal=("a", "c")),
            Claim(9, "", own=("b",), steal=("a", "c")),
        ),
    ),
)

SHARES = (
    Story(
        "a tenant holds no more than its share of the slots while others wait",
        (
            *(Insert(tenant, 9) for tenant in "ab"),
            Claim(8, "a1 b1 a2 b2", slots=4),
            Claim(8, "", slots=4),
            Finish("b1", 1.0),
            Claim(8, "b3", slots=4),
        ),
        tenant_share=0.5,
    ),
    Story(
        "a tenant that is alone holds all",
        (
            Insert("a", 9),
            Claim(4, "a1 a2 a3 a4", slots=4),
        ),
        tenant_share=0.5,
    ),
)

CAPS = (
    Story(
        "no more jobs of a task run than it says, whoever claims",
        (
            Insert("a", 5, max_running=2),
            Claim(9, "a1 a2", worker="one"),
            Claim(9, "", worker="two"),
            OpensIn(None, worker="two"),
            Finish("a1", MS_10),
            Claim(9, "a3", worker="two"),
            Retry("a2", MS_10),
            Claim(9, "a2", worker="one"),
            Release("a3"),
            Claim(9, "a3", worker="one"),
        ),
    ),
    Story(
        "a full task at the head of a lane holds up nobody behind it",
        (
            Insert("a", 20, task="capped", max_running=1, priority=50, label="capped"),
            Insert("a", 3),
            Insert("b", 2, task="capped", max_running=1, label="b-capped"),
            Insert("b", 2),
            Claim(9, "capped1 b1 a1 b2 a2 a3"),
            Finish("capped1", 0.0),
            Claim(9, "b-capped1"),
        ),
    ),
    Story(
        "critical work that may not start puts nobody before those who had less",
        (
            Insert("a", 3, priority=100, task="capped", max_running=1, label="critical"),
            Insert("a", 3, task="other", max_running=9),
            Claim(1, "critical1"),
            Insert("b", 2),
            Claim(1, "b1"),
            Claim(2, "a1 b2"),
        ),
    ),
    Story(
        "jobs of a lane start by priority and order, whatever bounds them",
        (
            Insert("a", 1, label="first"),
            Insert("a", 1, task="capped", max_running=9, label="second"),
            Insert("a", 1, label="third"),
            Insert("a", 1, task="rated", max_rate="1000/h", label="urgent", priority=9),
            Claim(9, "urgent1 first1 second1 third1"),
        ),
    ),
    Story(
        "no more jobs of a tenant run than its row says",
        (
            TenantRow("a", max_running=2),
            Insert("a", 5),
            Insert("a", 2, queue="other", label="other"),
            Insert("b", 3),
            Claim(9, "a1 b1 a2 b2 b3", queues=("default",)),
            Claim(9, "", worker="two"),
            Finish("a1"),
            Claim(9, "other1", queues=("other",)),
            TenantRow("a"),
            Claim(9, "a3 a4 a5", queues=("default",)),
        ),
    ),
    Story(
        "no more jobs of a queue run than its row says",
        (
            QueueRow("narrow", max_running=3),
            *(Insert(tenant, 3, queue="narrow") for tenant in "ab"),
            Insert("a", 1, queue="wide", label="wide"),
            Claim(9, "a1 b1 a2", queues=("narrow",)),
            Claim(9, "wide1"),
            Finish("b1", MS_10),
            Claim(9, "a3"),
            QueueRow("narrow", max_running=1),
            Finish("a1 a2"),
            Claim(9, ""),
            Finish("a3"),
            Claim(9, "b2"),
        ),
    ),
    Story(
        "a job starts only where all that bounds it leaves room",
        (
            TenantRow("a", max_running=3),
            QueueRow("narrow", max_running=2),
            Insert("a", 9, queue="narrow", task="capped", max_running=4),
            Insert("a", 9, queue="wide", task="capped", max_running=4, label="wide"),
            Insert("b", 9, queue="wide", task="capped", max_running=4),
            Claim(9, "a1 a2", queues=("narrow",)),
            Claim(1, "b1", queues=("wide",)),
            Claim(9, "b2", queues=("wide",), own=("b",)),
            Claim(9, ""),
            Finish("a1"),
            Claim(9, "b3", queues=("wide",), own=("b",)),
        ),
    ),
    Story(
        "bounded jobs are handed out for free slots, others ahead",
        (
            Insert("a", 4, task="capped", max_running=9),
            Insert("b", 4),
            Claim(6, "a1 b1 b2 b3 b4", free=2),
            Claim(6, "", free=0),
            Claim(6, "a2", free=1),
            Claim(6, "a3 a4"),
        ),
    ),
    Story(
        "what was enqueued with other limits counts all the same",
        (
            Insert("a", 3, max_running=2, label="before"),
            Insert("a", 3, max_running=4, label="after"),
            Claim(9, "before1 before2 after1 after2"),
            Finish("after1"),
            Claim(9, "after3"),
            Finish("before1 after2"),
            Claim(9, ""),
            Finish("after3"),
            Claim(9, "before3"),
        ),
    ),
)

# 10/s: an interval of 104 ms, and a start may come 20 ms early. 2/s: 520 ms.
RATES = (
    Story(
        "jobs of a task start no more often than it says, whoever claims",
        (
            Insert("a", 9, max_rate="10/s"),
            Claim(9, "a1", worker="one"),
            OpensIn(0.084, worker="one"),
            Claim(9, "", worker="two"),
            OpensIn(0.084, worker="two"),
            Pass(0.083),
            Claim(9, "", worker="two"),
            Pass(0.001),
            Claim(9, "a2", worker="two"),
            Pass(0.104),
            Claim(9, "a3", worker="one"),
        ),
    ),
    Story(
        "time in which nothing started is not saved up",
        (
            Insert("a", 9, max_rate="10/s"),
            Pass(3600),
            Claim(9, "a1"),
            Pass(3600),
            Claim(9, "a2"),
        ),
    ),
    Story(
        "a high rate starts in bursts of a fiftieth of it",
        (
            Insert("a", 50, max_rate="300/s"),
            Claim(50, "a1 a2 a3 a4 a5 a6"),
            Pass(0.0077),
            Claim(50, "a7 a8"),
        ),
    ),
    Story(
        "a slot that was not used is lost",
        (
            Insert("a", 9, max_rate="2/s"),
            Claim(1, "a1"),
            Release("a1"),
            Claim(1, ""),
            OpensIn(0.5),
            Pass(0.5),
            Claim(1, "a1"),
        ),
    ),
    Story(
        "a task that may not start yet holds up nobody behind it",
        (
            Insert("a", 30, task="rated", max_rate="10/s", priority=90, label="rated"),
            Insert("a", 2),
            Insert("b", 2, task="rated", max_rate="10/s", label="b-rated"),
            Insert("b", 2),
            Claim(9, "rated1 b1 a1 b2 a2"),
            Pass(0.084),
            Claim(9, "b-rated1"),
        ),
    ),
    Story(
        "jobs of a tenant start no more often than its row says",
        (
            TenantRow("a", max_rate="10/s"),
            Insert("a", 5),
            Insert("b", 2),
            Claim(9, "a1 b1 b2"),
            Pass(0.084),
            Claim(9, "a2"),
            TenantRow("a"),
            Claim(9, "a3 a4 a5"),
        ),
    ),
    Story(
        "what bounds a job most decides",
        (
            TenantRow("a", max_rate="2/s"),
            Insert("a", 9, max_rate="10/s"),
            Insert("b", 9, max_rate="10/s"),
            Claim(9, "a1"),
            Pass(0.084),
            Claim(9, "b1"),
            Pass(0.104),
            Claim(9, "b2"),
            OpensIn(0.084 + 0.02),
            Pass(0.312),
            Claim(9, "a2"),
        ),
    ),
)

SUBJECTS = {
    "turns": TURNS,
    "times": TIMES,
    "priorities": PRIORITIES,
    "queues": QUEUES,
    "pauses": PAUSES,
    "assignment": ASSIGNMENT,
    "shares": SHARES,
    "caps": CAPS,
    "rates": RATES,
}
