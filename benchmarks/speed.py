"""How fast is the library? Speed ratios to doing it without, within the same run.

    python benchmarks/speed.py --output speed
    python benchmarks/speed.py --rows log-mel training --repeats 3

Both ways run in turn (ours, theirs, ours, theirs ...), so that whatever else the
machine does affects both. A ratio is taken in each round; the table gives the median
and, in brackets, the range. Recordings are synthetic and written to a temporary folder.
With --output, speed.md and speed.json hold the table and every ratio measured so far.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import machine
import speed_audio
import speed_networks
from command_line import bare_parser
from timing import write_table

ROWS = {
    "log-mel": speed_audio.log_mel_row,
    "files": speed_audio.files_row,
    "features": speed_audio.features_row,
    "store": speed_audio.store_row,
    "training": speed_networks.training_row,
    "prediction": speed_networks.prediction_row,
    "cross-validation": speed_networks.cross_validation_row,
    "memory": speed_networks.memory_row,
    "long-recording": speed_networks.long_recording_row,
}


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes
    ----------
    repeats, fits : int
        Rounds of the rows without a network, and of those with one.
    seconds, song_seconds : float
        Length of a recording, and of one in the folds.
    n_files, n_in_memory : int
        Recordings to transform, and to fit in measured memory.
    minutes : int
        Of a long recording.
    folds, epochs, batch : int
        Of cross-validation, of a fit, and chunks in a step.
    filters, fold_filters : tuple of int
        Of the networks.
    """

    repeats: int = 5
    fits: int = 3
    seconds: float = 240.0
    song_seconds: float = 8.0
    n_files: int = 6
    n_in_memory: int = 240
    minutes: int = 180
    folds: int = 10
    epochs: int = 2
    batch: int = 32
    filters: tuple = (64, 128)
    fold_filters: tuple = (32, 64, 128)


QUICK = Sizes(
    repeats=1,
    fits=1,
    seconds=9.0,
    song_seconds=7.0,
    n_files=2,
    n_in_memory=8,
    minutes=1,
    folds=2,
    epochs=1,
    batch=4,
    filters=(8, 16),
    fold_filters=(4, 8),
)


def main():
    """Read the command line, measure row after row, print and save."""
    parser = bare_parser(__doc__)
    parser.add_argument(
        "--rows", nargs="+", choices=ROWS, default=list(ROWS), help="what to measure"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="tiny sizes, to try the command; the ratios mean nothing",
    )
    parser.add_argument("--repeats", type=int, help="rounds (default: 5, networks 3)")
    parser.add_argument("--output", type=Path, help="folder for speed.md and .json")
    arguments = parser.parse_args()
    sizes = QUICK if arguments.quick else Sizes()
    if arguments.repeats:
        sizes = replace(sizes, repeats=arguments.repeats, fits=arguments.repeats)
    print(machine.describe(), flush=True)
    rows = []
    for name in arguments.rows:
        for row in ROWS[name](sizes):
            rows.append(row)
            print(f"{row.what}: {row.cells()['measured']}", flush=True)
            cells = [row.cells() for row in rows]
            path = arguments.output and arguments.output / "speed"
            table = write_table(path, cells, [asdict(row) for row in rows])
    print(table)


if __name__ == "__main__":
    main()
