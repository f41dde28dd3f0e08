import io

from example_project.demo.progress import WIDTH, ProgressDisplay, bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_a_bar_that_moves() -> None:
    stream = Terminal()
    display = ProgressDisplay(stream)
    display.show(1, 4)
    display.close(4, 4)
    first, last = stream.getvalue().strip().split("\r")[0], stream.getvalue().split("\r")[-1]
    assert "1 of 4 jobs" in first
    assert last.startswith(f"[{'#' * WIDTH}] 4 of 4 jobs")
    assert last.endswith("\n")


def test_a_file_sees_a_line_now_and_then() -> None:
    stream = io.StringIO()
    display = ProgressDisplay(stream)
    for done in range(100):
        display.show(done, 100)
    display.close(100, 100)
    lines = stream.getvalue().splitlines()
    assert [line.split(",")[0] for line in lines] == ["0 of 100 jobs", "100 of 100 jobs"]


def test_a_bar_of_nothing_is_empty() -> None:
    assert bar(0, 0) == f"[{'.' * WIDTH}]"
