"""MariaDB or MySQL for the tests; no wheel brings one, so a run has it only if asked for."""

import os
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pymysql

from tests.servers.errors import ServerUnavailable
from tests.servers.process import check_given, run_to_end, server_directory, start_server

CHOICE = "TASKQ_TEST_MYSQL"


def provide(choice: str) -> str:
    """Return the URL of the server that `choice` asks for, starting it if it is a private one."""
    if choice == "system":
        return _start()
    if choice:
        check_given(CHOICE, choice, _answers)
        return choice
    raise ServerUnavailable(
        f"This test needs MySQL or MariaDB: set {CHOICE} to `system` or to the URL of a server."
    )


def is_wanted() -> bool:
    """Tell whether this run is to use MySQL at all."""
    return bool(os.environ.get(CHOICE))


def install_driver() -> None:
    """Let Django use PyMySQL, which needs no compiler, in place of mysqlclient."""
    pymysql.install_as_MySQLdb()


def database(url: str) -> dict[str, object]:
    """Return the entry of DATABASES for the server at `url`."""
    connection = _connection_of(url)
    return {
        "ENGINE": "django.db.backends.mysql",
        "HOST": connection["host"],
        "PORT": connection["port"],
        "USER": connection["user"],
        "PASSWORD": connection["password"],
        "NAME": unquote(urlsplit(url).path.lstrip("/")) or "taskq",
        "OPTIONS": {"charset": "utf8mb4"},
        # Made without waiting for the default one, so that tests of this one can run by themselves.
        "TEST": {"CHARSET": "utf8mb4", "DEPENDENCIES": []},
    }


def version(url: str) -> str:
    with pymysql.connect(**_connection_of(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        number, _, brand = cursor.fetchone()[0].partition("-")
    return f"{'MariaDB' if 'MariaDB' in brand else 'MySQL'} {number}"


def _connection_of(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    return {
        "host": parts.hostname or "127.0.0.1",
        "port": parts.port or 3306,
        "user": unquote(parts.username or "root"),
        "password": unquote(parts.password or ""),
    }


def _program(*names: str) -> Path:
    folders = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    for name in names:
        found = shutil.which(name) or shutil.which(name, path=folders)
        if found:
            return Path(found)
    raise ServerUnavailable(
        f"{CHOICE}=system, but `{names[0]}` is not installed. Install MariaDB's server, or set the"
        " variable to the URL of a server."
    )


def _start() -> str:
    server = _program("mariadbd")
    install = _program("mariadb-install-db")
    directory = server_directory("mysql")
    data = directory / "data"
    options = [f"--datadir={data}", "--skip-test-db", "--auth-root-authentication-method=normal"]
    run_to_end([install, "--no-defaults", *options], directory)
    port = start_server(
        lambda port: [
            server,
            "--no-defaults",
            f"--datadir={data}",
            f"--port={port}",
            "--bind-address=127.0.0.1",
            # Relative to the data, since the whole path may be too long for a socket.
            "--socket=server.sock",
            "--pid-file=server.pid",
            "--character-set-server=utf8mb4",
            "--max-connections=200",
        ],
        directory,
        answers=lambda port: _answers(_url(port)),
    )
    with pymysql.connect(**_connection_of(_url(port))) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE taskq CHARACTER SET utf8mb4")
    return _url(port)


def _url(port: int) -> str:
    return f"mysql://root@127.0.0.1:{port}/taskq"


def _answers(url: str) -> bool:
    try:
        pymysql.connect(**_connection_of(url), connect_timeout=2).close()
    except pymysql.err.OperationalError:
        return False
    return True
