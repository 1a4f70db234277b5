"""Time contenders in turn, each in a process of its own where that matters."""

import json
import shlex
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import machine
from runs import markdown


def timed(function, *args, **kwargs):
    """Return the seconds that a call took, and what it returned."""
    start = time.perf_counter()
    result = function(*args, **kwargs)
    return time.perf_counter() - start, result


@contextmanager
def own_process():
    """Yield what calls functions in one fresh process: ``call(function, *args)``.

    It imports everything anew, and no setting of this process reaches it.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield lambda *call: pool.submit(*call).result()


def in_turn(contenders, repeats, *, warm_up=True, apart=False):
    """Call ours, theirs, ours, theirs ...: a busy moment then meets all alike.

    Parameters
    ----------
    contenders : dict of str to callable
        Each returns its seconds and a result, as `timed` does.
    repeats : int
        Rounds.
    warm_up : bool, default=True
        Whether a first round is left out: it imports, compiles and fills caches.
    apart : bool, default=False
        Whether each has a process of its own, for all rounds: settings of the memory or
        the threads of one do not reach the others. They must be picklable then.

    Returns
    -------
    rounds : dict of str to list of (seconds, result)
        One entry a round.
    """
    rounds = {name: [] for name in contenders}
    with ExitStack() as stack:
        if apart:
            contenders = {
                name: partial(stack.enter_context(own_process()), contender)
                for name, contender in contenders.items()
            }
        for _ in range(repeats + warm_up):
            for name, contender in contenders.items():
                rounds[name].append(contender())
    return {name: done[warm_up:] for name, done in rounds.items()}


def ratios(rounds, numerator, denominator):
    """Return by how much one's seconds exceed the other's, round by round."""
    pairs = zip(rounds[numerator], rounds[denominator], strict=True)
    return [above / below for (above, _), (below, _) in pairs]


def typical(rounds, name):
    """Return the median of a contender's seconds."""
    return median(seconds for seconds, _ in rounds[name])


@dataclass
class Row:
    """One line of a table: a measured ratio beside its goal.

    Attributes
    ----------
    what, against, goal, remarks : str
    ratios : list of float
        One a repeat.
    """

    what: str
    against: str
    goal: str
    ratios: list
    remarks: str = ""

    def cells(self):
        """Return the row as text by column."""
        middle, low, high = (f(self.ratios) for f in (median, min, max))
        return {
            "what": self.what,
            "against": self.against,
            "goal": self.goal,
            "measured": f"{middle:.3g} ({low:.3g} to {high:.3g})",
            "remarks": self.remarks,
        }


def write_table(path, rows, figures=None, **notes):
    """Return rows as Markdown with what they ran on; write that, and JSON beside it.

    Parameters
    ----------
    path : Path or None
        Without suffix; None writes nothing.
    rows : list of dict
        The cells.
    figures : list of dict, default=None
        What goes to the JSON in place of `rows`.
    **notes : str
        What else to know.
    """
    command = shlex.join(["python", *sys.argv])
    about = {"machine": machine.describe(), "command": command, **notes}
    under = "\n".join(f"- {name}: {note}" for name, note in about.items())
    text = f"{markdown(rows)}\n\n{under}\n"
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".md").write_text(text, encoding="utf-8")
        whole = {**about, "rows": rows if figures is None else figures}
        path.with_suffix(".json").write_text(json.dumps(whole, indent=1) + "\n")
    return text


def memory(kind="VmHWM"):
    """Return the bytes that this process has in memory (VmRSS), or had at most (VmHWM).

    Not by ``getrusage``: on Linux its peak is, in a child, at least the parent's.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        raise SystemExit(f"memory is measured on Linux only, by {status}")
    lines = dict(line.split(":") for line in status.read_text().splitlines())
    return int(lines[kind].split()[0]) * 1024  # it says kB and means KiB
