import re
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

from example_project.hold import hold
from tests.deadlines import wait_until
from tests.example_project.processes import start

TIMEOUT = 60


def ended_jobs(directory: Path) -> int:
    """Count the ended jobs in the database of a demonstration; 0 while there is none."""
    try:
        with closing(sqlite3.connect(f"file:{directory}/desk.sqlite3?mode=ro", uri=True)) as rows:
            query = "SELECT count(*) FROM taskq_job WHERE finished_at IS NOT NULL"
            count: int = rows.execute(query).fetchone()[0]
            return count
    except sqlite3.OperationalError:
        return 0


def test_the_demonstration_ends_with_a_table_of_all_jobs(tmp_path: Path) -> None:
    demo = start("demo", tmp_path, "--files", "60")
    output, _ = demo.communicate(timeout=TIMEOUT)
    assert demo.returncode == 0, output
    lines = output.splitlines()
    assert lines[0].startswith("60 files of ")
    heading = next(line for line in lines if line.startswith("tenant"))
    assert heading.split() == ["tenant", "jobs", "failed", "wait", "p50", "wait", "p99", "jobs/s"]
    big = next(line.split() for line in lines if line.startswith("django "))
    whole = next(line.split() for line in lines if line.startswith("all "))
    assert int(big[1]) >= 40
    assert int(whole[1]) >= 60
    assert re.search(r"60 of \d+ jobs|(\d+) of \1 jobs", output)
    assert re.search(r"'weekly-reports' .* due next:\nNEXT .*\n.* 06:00:00 CES?T", output)
    assert "make serve" in output
    assert "demo / demo" in output
    assert ended_jobs(tmp_path) == int(whole[1])


def test_the_demonstration_starts_afresh_each_time(tmp_path: Path) -> None:
    for _ in range(2):
        demo = start("demo", tmp_path, "--files", "12")
        output, _ = demo.communicate(timeout=TIMEOUT)
        assert demo.returncode == 0, output
    assert 12 <= ended_jobs(tmp_path) < 24


def test_ctrl_c_stops_the_worker_gracefully(tmp_path: Path) -> None:
    demo = start("demo", tmp_path)
    try:
        wait_until(lambda: ended_jobs(tmp_path) > 20, timeout=TIMEOUT, what="some jobs to end")
        demo.send_signal(signal.SIGINT)
        output, _ = demo.communicate(timeout=TIMEOUT)
    finally:
        demo.kill()
        demo.wait()
    assert demo.returncode == 130, output
    assert "Stopping the worker" in output
    assert "tenant" in output
    log = (tmp_path / "worker.log").read_text()
    assert "jobs given back" in log
    with closing(sqlite3.connect(tmp_path / "desk.sqlite3")) as rows:
        query = "SELECT count(*) FROM taskq_job WHERE state = 'RUNNING'"
        assert rows.execute(query).fetchone() == (0,)


def test_a_desk_in_use_is_left_alone(tmp_path: Path) -> None:
    with hold(tmp_path):
        demo = start("demo", tmp_path, "--files", "12")
        output, _ = demo.communicate(timeout=TIMEOUT)
    assert demo.returncode == 2
    assert "Stop it first" in output
    assert not (tmp_path / "desk.sqlite3").exists()


def test_a_bad_number_of_files_is_refused(tmp_path: Path) -> None:
    demo = start("demo", tmp_path, "--files", "0")
    output, _ = demo.communicate(timeout=TIMEOUT)
    assert demo.returncode == 2
    assert "expected at least 1, got 0" in output
