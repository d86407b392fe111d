#!/usr/bin/env python3
"""A PostgreSQL server for tests, on this machine only, in a folder of its own that goes with it.

Prints the URL of its superuser as soon as it answers, and ends when its standard input is closed: it goes with the process that started it.
"""

from __future__ import annotations

import argparse
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="where it listens (default: a free port)")
    parser.add_argument("--folder", help="where its data lies, and stays (default: a new folder, which is removed at the end)")
    options = parser.parse_args()
    programs = Path(subprocess.run([Path(__file__).with_name("postgres")], check=True, capture_output=True, text=True).stdout.strip())
    folder = Path(options.folder or tempfile.mkdtemp(prefix="uramaki-postgres-"))
    folder.mkdir(exist_ok=True)
    # The server refuses to be root: then it is nobody.
    person = {}
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        person = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    data, secret = folder / "data", folder / "password"
    if not data.exists():
        secret.write_text("uramaki\n")
        if person:
            os.chown(secret, person["user"], person["group"])
        command = [programs / "initdb", "--pgdata", data, "--username", "postgres", "--pwfile", secret, "--auth", "scram-sha-256"]
        subprocess.run([*command, "--encoding", "UTF8", "--locale", "C", "--no-sync"], check=True, stdout=subprocess.DEVNULL, cwd=folder, **person)
    port = options.port or free_port()
    settings = ["listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", "fsync=off", "logging_collector=off"]
    command = [programs / "postgres", "-D", data, "-p", str(port), *(part for s in settings for part in ("-c", s))]
    server = subprocess.Popen(command, cwd=folder, stdout=sys.stderr, stderr=sys.stderr, **person)
    url = f"postgres://postgres:uramaki@127.0.0.1:{port}/postgres"
    try:
        wait(url, server)
        print(url, flush=True)
        sys.stdin.read()
    finally:
        # Fast: sessions are ended.
        server.send_signal(signal.SIGINT)
        server.wait()
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait(url: str, server: subprocess.Popen) -> None:
    for _ in range(300):
        if server.poll() is not None:
            raise SystemExit(f"the server ended with {server.returncode}")
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise SystemExit("the server does not answer")


if __name__ == "__main__":
    raise SystemExit(main())
