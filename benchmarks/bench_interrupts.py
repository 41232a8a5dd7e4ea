"""Ctrl-C at moments spread over a command: how often it ends the command as promised, with and without `interrupts`.

As promised: exit code 130, one message that says what is kept, no traceback. Moments count from the first line of the
command; before that, Python is importing the command line itself. The variants are interrupted in turn.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter

PRESSES = 20

LAST = 3.0
"""Seconds over which the moments are spread: torch is imported first, then the training runs."""

AGAIN = 0.25
"""Seconds to the second press, where there is one: some programs that run others send the signal twice."""

PATIENCE = 30.0
"""Seconds after which a command counts as one that goes on."""

PROGRAM = """
import contextlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from prunescope.cli import main
from prunescope.cli.terminal import interrupts

@contextlib.contextmanager
def plain():
    yield []

noting = {"with": interrupts.noting, "without": plain}[sys.argv.pop(1)]

@contextlib.contextmanager
def marked():
    with noting() as pressed:
        print("begun", flush=True)
        yield pressed

interrupts.noting = marked
main()
"""

WORDS = ("train", "sgd", "--model", "preresnet8", "--data", "digits", "--epochs", "500")


def ending(variant: str, after: float, presses: int) -> str:
    """Return how a command ends that is interrupted so many seconds after it has begun; "" where as promised."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", PROGRAM, variant, *WORDS, "--study", folder]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
        try:
            process.stdout.readline()  # type: ignore[union-attr]
            for number in range(presses):
                time.sleep(AGAIN if number else after)
                process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            return "goes on"
        finally:
            process.kill()
            process.communicate()
    if process.returncode != 130:
        return f"exit code {process.returncode}"
    return "traceback" if "Traceback" in told else "" if told.count("error: interrupted") == 1 else "no message"


def main() -> None:
    """Print how often both variants fail, and how."""
    moments = [LAST * number / (PRESSES - 1) for number in range(PRESSES)]
    for presses in (1, 2):
        found: dict[str, Counter[str]] = {"with": Counter(), "without": Counter()}
        for moment in moments:
            for variant, counts in found.items():
                if how := ending(variant, moment, presses):
                    counts[how] += 1
        for variant, counts in found.items():
            told = ", ".join(f"{count} {how}" for how, count in counts.items())
            failed = f"{sum(counts.values())} of {PRESSES} not as promised"
            print(f"{'once' if presses == 1 else 'twice'}, {variant} interrupts: {failed} ({told})", flush=True)


if __name__ == "__main__":
    main()
