#!/usr/bin/env python3
"""Measures a full run, from raw extracts to published marts, against DuckDB doing the same job on the same machine.

Both are started in turns, each with an empty warehouse; the table shows the best of the rounds and all of them. Then come a
second run with nothing new, `--help` and `check`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- benchmark: begin -->", "<!-- benchmark: end -->"


@dataclass
class Measured:
    seconds: float
    peak_mib: float
    cpu_seconds: float
    output: str


def main() -> int:
    options = parse_options()
    work = Path(options.work or tempfile.mkdtemp(prefix="uramaki-bench-"))
    work.mkdir(parents=True, exist_ok=True)
    binary = options.binary or build()
    data = generate(binary, work, options)
    drop, warehouse, peer_output = data / "drop", work / "warehouse", work / "peer"
    base = [str(binary), "--project", str(options.project), "--warehouse", str(warehouse), "--drop", str(drop)]
    run = [*base, "run", "--threads", str(options.threads), "--memory", options.memory]
    peer = [
        sys.executable, str(ROOT / "scripts" / "duckdb_peer.py"), "--project", str(options.project), "--drop", str(drop),
        "--output", str(peer_output), "--threads", str(options.threads), "--memory-limit", options.memory,
    ]  # fmt: skip

    ours, theirs, phones = [], [], []
    for round_ in range(options.rounds):
        shutil.rmtree(warehouse, ignore_errors=True)
        shutil.rmtree(peer_output, ignore_errors=True)
        # In turns, and the one that starts changes: a machine that warms up or slows down favours neither.
        for who in ("uramaki", "duckdb") if round_ % 2 == 0 else ("duckdb", "uramaki"):
            measured = measure(run if who == "uramaki" else peer, who)
            (ours if who == "uramaki" else theirs).append(measured)
            if who == "duckdb":
                phones.append(json.loads(measured.output)["details"]["phone numbers"])
            print(f"round {round_ + 1}, {who}: {measured.seconds:.1f} s, {measured.peak_mib:.0f} MiB", file=sys.stderr)

    again = measure(run, "uramaki with nothing new")
    help_, check = (best([measure(command, "uramaki") for _ in range(5)]) for command in
                    ([str(binary), "--help"], [str(binary), "--project", str(options.project), "check"]))  # fmt: skip
    text = report(options, data, warehouse, peer_output, ours, theirs, min(phones), again, help_, check)
    print(text)
    if options.write:
        write_table(options.write, text)
    if not options.work:
        shutil.rmtree(work)
    return 0


def build() -> Path:
    print("building the release binary", file=sys.stderr)
    done = subprocess.run(["cargo", "build", "--release", "--bin", "uramaki"], cwd=ROOT)
    if done.returncode:
        raise SystemExit("hint: `cargo build --release` has to succeed first")
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "release" / "uramaki"


def generate(binary: Path, work: Path, options: argparse.Namespace) -> Path:
    """The extracts; they are kept in a work folder that was named, and taken again from there."""
    data = work / f"extracts-{options.customers}-{options.nights}-{options.seed}"
    if not (data / "truth.json").exists():
        shutil.rmtree(data, ignore_errors=True)
        measured = measure(
            [str(binary), "generate", "--output", str(data), "--customers", str(options.customers), "--nights",
             str(options.nights), "--seed", str(options.seed)],
            "the generator",
        )  # fmt: skip
        print(f"generated {size_mib(data / 'drop'):.0f} MiB in {measured.seconds:.1f} s", file=sys.stderr)
    return data


def measure(command: list[str], what: str) -> Measured:
    """Wall time of a command, and the peak memory of it and of the processes that it starts, each for itself."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("URAMAKI_")}
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment)
        chunks: list[bytes] = []
        # Read while it runs: a full pipe would stop it.
        reader = threading.Thread(target=lambda: chunks.extend(iter(lambda: process.stdout.read(1 << 16), b"")))
        reader.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        reader.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            sys.stderr.write(errors.read().decode(errors="replace")[-4000:])
            raise SystemExit(f"{what} ended with exit code {process.returncode}")
    return Measured(seconds, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime, b"".join(chunks).decode())


def best(rounds: list[Measured]) -> Measured:
    return min(rounds, key=lambda m: m.seconds)


def report(
    options: argparse.Namespace, data: Path, warehouse: Path, peer_output: Path, ours: list[Measured], theirs: list[Measured],
    phones: float, again: Measured, help_: Measured, check: Measured,
) -> str:  # fmt: skip
    a, b = best(ours), best(theirs)
    objects = json.loads((data / "truth.json").read_text())["objects"]
    rows = sum(o["read"] for o in objects.values())

    def all_rounds(rounds: list[Measured]) -> str:
        return ", ".join(f"{m.seconds:.1f}" for m in rounds)

    lines = [
        f"{options.customers:,} customers, {options.nights} nights, {rows:,} rows in {size_mib(data / 'drop'):,.0f} MiB of extracts; "
        f"{options.threads} threads and a memory limit of {options.memory} for each; {machine()}; DuckDB {duckdb.__version__}.",
        "",
        "| | Uramaki | DuckDB | Uramaki ÷ DuckDB |",
        "|---|---:|---:|---:|",
        f"| full run, wall seconds (best of {options.rounds}) | {a.seconds:.1f} | {b.seconds:.1f} | {a.seconds / b.seconds:.2f} |",
        f"| all rounds | {all_rounds(ours)} | {all_rounds(theirs)} | |",
        # Its phone numbers are read in Python, which is no fault of DuckDB's.
        f"| full run without DuckDB's {phones:.1f} s for phone numbers in Python | {a.seconds:.1f} | {b.seconds - phones:.1f} "
        f"| {a.seconds / (b.seconds - phones):.2f} |",
        f"| CPU seconds | {a.cpu_seconds:.1f} | {b.cpu_seconds:.1f} | {a.cpu_seconds / b.cpu_seconds:.2f} |",
        f"| peak memory, MiB | {a.peak_mib:,.0f} | {b.peak_mib:,.0f} | {a.peak_mib / b.peak_mib:.2f} |",
        f"| written, MiB | {size_mib(warehouse):,.0f} (with the archive) | {size_mib(peer_output):,.0f} | |",
        f"| second run with nothing new, seconds | {again.seconds:.2f} | | |",
        f"| `uramaki --help`, seconds | {help_.seconds:.3f} | | |",
        f"| `uramaki check`, seconds | {check.seconds:.3f} | | |",
    ]
    return "\n".join(lines)


def write_table(path: Path, text: str) -> None:
    """Puts the table between the markers of a document; a document without them gets them at its end."""
    old = path.read_text() if path.exists() else "# Benchmark\n"
    if BEGIN not in old:
        old = f"{old.rstrip()}\n\n{BEGIN}\n{END}\n"
    before, rest = old.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
    print(f"wrote the table into {path}", file=sys.stderr)


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}"


def size_mib(folder: Path) -> float:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 2**20


def parse_options() -> argparse.Namespace:
    def default(name: str, value: int) -> int:
        return int(os.environ.get(f"BENCH_{name.upper()}", value))

    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=default("customers", 200_000), help="(or BENCH_CUSTOMERS; default %(default)s)")
    parser.add_argument("--rounds", type=int, default=default("rounds", 3), help="(or BENCH_ROUNDS; default %(default)s)")
    parser.add_argument("--nights", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="1GiB")
    parser.add_argument("--project", type=Path, default=ROOT, help="the folder with uramaki.yaml (default: this repository)")
    parser.add_argument("--binary", type=Path, help="a uramaki that is built already (default: build a release)")
    parser.add_argument("--work", type=Path, help="a folder for extracts and results, kept (default: a temporary one)")
    parser.add_argument("--write", type=Path, nargs="?", const=ROOT / "docs" / "benchmark.md",
                        help="write the table between the markers of a document (default: docs/benchmark.md)")  # fmt: skip
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
