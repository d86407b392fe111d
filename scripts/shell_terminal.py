"""Types at `uramaki query` through a real pseudo-terminal, as a person does, and compares what comes back.

scripts/python scripts/shell_terminal.py --project . --warehouse warehouse --binary target/debug/uramaki   (the sample's)
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import select
import signal
import struct
import tempfile
import termios
import time
from pathlib import Path

PROMPT = "sample:1> "
ESCAPES = re.compile(r"\x1b(\[[0-9;?<>=]*[a-zA-Z]|[()][A-Z0-9]|[=>])")
# The development build's engine takes seconds for a first answer on a busy machine.
PATIENCE = 60


class Terminal:
    """A program in a terminal of its own, 100 columns wide."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, env)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def until(self, wanted: str, patience: float = PATIENCE) -> str:
        """What was shown up to and with a text; it begins after what was waited for before."""
        end = time.monotonic() + patience
        while wanted not in self.seen:
            if time.monotonic() > end:
                raise TimeoutError(f"`{wanted}` did not come; what came:\n{self.seen}")
            if not select.select([self.fd], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            if not data:
                raise EOFError(f"ended ({os.waitpid(self.pid, 0)[1]}) before `{wanted}` came:\n{self.seen}")
            text = ESCAPES.sub("", self.seen + data.decode(errors="replace"))
            self.seen = re.sub("\n\r+", "\n", text.replace("\r\n", "\n"))
        shown, self.seen = self.seen.split(wanted, 1)
        return shown + wanted

    def ask(self, text: str) -> str:
        """Types a line, and gives what came before the next prompt."""
        # The prompt is drawn again with each key: the answer ends with the one that follows a line's end.
        self.type(text + "\r")
        return self.until("\n" + PROMPT)

    def ended(self) -> int:
        for _ in range(int(PATIENCE * 10)):
            try:
                os.read(self.fd, 65536)
            except OSError:
                break
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("project", "warehouse", "binary"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    told: list[tuple[str, bool, str]] = []

    def says(what: str, shown: str, *parts: str) -> None:
        # The editor goes back to the line's begin to draw it again.
        plain = shown.replace("\r", "")
        told.append((what, all(part in plain for part in parts), shown))

    there = sorted(str(p) for p in options.warehouse.rglob("*"))
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("URAMAKI_") and k != "NO_COLOR"}
        env = kept | {"TERM": "xterm-256color", "HOME": folder, "XDG_STATE_HOME": str(state)}
        command = [str(options.binary), "query", "--project", str(options.project), "--warehouse", str(options.warehouse)]
        history = state / "uramaki" / "history"

        shell = Terminal(command, env)
        says("greeting", shell.until(PROMPT), "run 1 of sample, as of 2026-11-20", ".help", f"remembered in {history}")
        says(".help", shell.ask(".help"), ".schema TABLE", ".run [N|last]", "Ctrl-C cancels")
        says(".tables", shell.ask(".tables friction"), "marts.friction ", "marts.friction_summary", "148")
        says(".schema", shell.ask(".schema friction_summary"), "marts.friction_summary", "decimal(18,2)", "[EUR]", "revenue_at_risk_eur")
        says("near names", shell.ask(".schema marts.frictoin"), "error: there is no table", "did you mean `marts.friction`?")
        says("several lines", shell.ask("select count(*) as n\rfrom marts.customer_360;"), "| 358 |", "1 row (")
        says("several statements", shell.ask("select 11 as a; select 22 as b;"), "| 11 |", "| 22 |")
        says("an error", shell.ask("select nope from marts.friction;"), "error: the query cannot be planned", "nope", "hint: ")
        says("no SQL", shell.ask("selec 1;"), "error: this is no SQL", "Line: 1", "hint: ")
        says("the shell goes on", shell.ask("select 5 as five;"), "|    5 |", "1 row (")
        says("only reading", shell.ask("drop table marts.friction;"), "error: `query` only reads")
        says("a completed table", shell.ask("select count(*) as n from marts.friction_su\t;"), "marts.friction_summary;", "| 148 |")
        says("a completed column", shell.ask("select max(revenue_at_r\t) > 0 as n from marts.friction;"), "max(revenue_at_risk_eur) > 0", "| true |")
        says("an alias's column", shell.ask("select count(*) as n from marts.friction f where f.cost_\t >= 0;"), "f.cost_eur >= 0;", "| 497 |")
        says("a limit", shell.ask("select customer_id from marts.customer_360;"), "the first 50 rows of 358 rows (", "; .rows 0 shows all")
        says("a wide table", shell.ask("select * from marts.customer_360 limit 2;"), "-[ row 2 ]-", "next_best_step_reason | ", "2 rows (")
        says("a cut text", shell.ask("select repeat('long ', 50) as words, 12345.67 as n, null as nothing;"), "…", "12345.67", "NULL")
        shell.ask(".rows 2")
        says(".rows", shell.ask("select customer_id from marts.customer_360;"), "the first 2 rows of 358 rows (")
        shell.ask(".rows 0")
        says(".rows 0", shell.ask("select customer_id from marts.customer_360;"), "\n358 rows (")
        shell.ask(".format csv")
        says(".format csv", shell.ask("select 1 as one, 'a,b' as two;"), 'one,two\n1,"a,b"\n')
        shell.ask(".format table")
        says("no such format", shell.ask(".format tabel"), "did you mean `table`?")
        says("no such command", shell.ask(".tabels"), "there is no command `.tabels`", "did you mean `.tables`?")
        says(".run", shell.ask(".run"), "run 1;")
        says("no such run", shell.ask(".run 7"), "error: there is no run 7", "hint: ")
        says("the run before stays", shell.ask("select 6 as six;"), "|   6 |")

        shell.type("select count(*) from generate_series(1, 1000000) as a cross join generate_series(1, 1000000) as b;\r")
        time.sleep(2)
        began = time.monotonic()
        shell.type("\x03")
        says("Ctrl-C", shell.until("\n" + PROMPT), "cancelled")
        told.append(("Ctrl-C at once", time.monotonic() - began < 20, ""))
        says("after Ctrl-C", shell.ask("select 7 as seven;"), "|     7 |")
        shell.type("select 'half a")
        time.sleep(0.5)
        shell.type("\x03")
        shell.until("\n" + PROMPT)
        says("a line thrown away", shell.ask("select 8 as eight;"), "|     8 |")
        says("nothing personal", shell.ask("select count(*) as n from marts.customer_360 where email = 'ada@example.org';"), "| 0 |")
        shell.ask(" select 9 as hidden;")
        shell.type(".quit\r")
        told.append((".quit", shell.ended() == 0, ""))

        text = history.read_text()
        says("history", text, "select 8 as eight;", "select count(*) as n\\nfrom marts.customer_360;", ".rows 0")
        told.append(("history without personal data", not any(t in text for t in ("ada@", "hidden", "half a")), text))
        told.append(("history for nobody else", history.stat().st_mode & 0o777 == 0o600, oct(history.stat().st_mode)))
        # An older shell's statement, two lines up.
        shell = Terminal(command, env)
        shell.until(PROMPT)
        shell.type("\x1b[A\x1b[A")
        says("history of another shell", shell.ask(""), "|     8 |")
        shell.type("\x04")
        told.append(("Ctrl-D", shell.ended() == 0, ""))
        shell = Terminal([*command, "--history", ""], env)
        says("no history", shell.until(PROMPT), "nothing is remembered")
        shell.ask("select 10 as forgotten;")
        os.kill(shell.pid, signal.SIGTERM)
        shell.ended()
        told.append(("nothing written", "forgotten" not in history.read_text(), ""))
    told.append(("the warehouse as it was", sorted(str(p) for p in options.warehouse.rglob("*")) == there, ""))

    differing = [(what, shown) for what, fine, shown in told if not fine]
    for what, shown in differing:
        print(f"DIFFERS  {what}:\n{shown}\n")
    print(f"{len(told)} things seen in a terminal, {len(differing)} differ")
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
