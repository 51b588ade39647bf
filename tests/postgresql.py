"""A real PostgreSQL server on a free port, where one is installed."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def running():
    """Give what makes a new database of a name and gives its URL; the server ends afterwards."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("no PostgreSQL server is installed")
    name = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    prefix = ["runuser", "-u", name, "--"] if os.getuid() == 0 else []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="journeyman-postgres-", dir="/tmp"))
    if prefix:
        shutil.chown(folder, name)

    def run(program, *arguments):
        command = [*prefix, str(programs[-1] / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)
        assert done.returncode == 0, done.stderr

    def database(of):
        run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "tester", of)
        return f"postgresql://tester@127.0.0.1:{port}/{of}"

    data = str(folder / "data")
    run("initdb", "-D", data, "-A", "trust", "-U", "tester", "--no-sync")
    settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", settings, "start")
    try:
        yield database
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)
