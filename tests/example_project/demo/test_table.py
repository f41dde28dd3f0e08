from example_project.demo.counting import TenantFigures
from example_project.demo.table import seconds, table


def test_sets_names_left_and_numbers_right() -> None:
    line = TenantFigures("django", 2428, 1, 0, 0.0214, 31.5, 301.2)
    whole = TenantFigures("all", 4717, 29, 0, None, None, None)
    assert table([line, whole]).splitlines() == [
        "tenant   jobs  failed  wait p50  wait p99  jobs/s",
        "------  -----  ------  --------  --------  ------",
        "django  2,428       1     21 ms   31.50 s     301",
        "------  -----  ------  --------  --------  ------",
        "all     4,717      29         -         -       -",
    ]


def test_times_are_written_in_their_own_unit() -> None:
    assert [seconds(value) for value in (None, 0.0004, 0.9, 1.0)] == [
        "-",
        "0 ms",
        "900 ms",
        "1.00 s",
    ]
