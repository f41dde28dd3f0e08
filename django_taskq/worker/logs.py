"""Log lines of a worker process on the terminal, where the project set up none."""

import logging

_LEVELS = {0: logging.WARNING, 1: logging.INFO, 2: logging.INFO, 3: logging.DEBUG}


def show_logs(verbosity: int) -> None:
    """Show what a worker does on stderr, unless the project's LOGGING does that already.

    Verbosity 0 shows warnings, 1 the worker's life, 2 each job as well, 3 everything.
    """
    level = _LEVELS.get(verbosity, logging.DEBUG)
    _show("django_taskq", level)
    _show("django.tasks", level if verbosity >= 2 else logging.WARNING)


def _show(name: str, level: int) -> None:
    logger = logging.getLogger(name)
    if logger.level == logging.NOTSET:
        logger.setLevel(level)
    if logger.hasHandlers():
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
