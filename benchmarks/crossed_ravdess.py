"""Who sings, where neither the lyric nor the melody was heard in training.

Trains on one lyric and melody of RAVDESS song, tests on the crossed one, and the other
way round: kids x minor against dogs x major. Prints chunk and recording accuracy of
the SVM baseline, of LDA on the same clips and of the network, with seconds and chunks
per second of training.

    python benchmarks/crossed_ravdess.py --data <folder of RAVDESS song> --seeds 0 1 2

The library's defaults were chosen on the other two quarters of the recordings
(``--diagonal development``: kids x major against dogs x minor).
"""

import argparse
import csv
import time
from pathlib import Path

import machine
import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm.auto import tqdm

from singerlearn import (
    ClipClassifier,
    HandcraftedFeatures,
    MelChunker,
    SingerNetClassifier,
)
from singerlearn.datasets import load_ravdess_song
from singerlearn.metrics import chunk_accuracy, recording_accuracy
from singerlearn.nn import AGGREGATIONS, BLOCKS

DIAGONALS = {
    "reported": (("kids", "minor"), ("dogs", "major")),
    "development": (("kids", "major"), ("dogs", "minor")),
}
COLUMNS = (
    "model", "trained on", "tested on", "seed",
    "chunks", "recordings", "fit s", "trained chunks/s",
)  # fmt: skip


def directions(data, diagonal):
    """Yield name and indices of the training and the test side, both ways."""
    sides = []
    for lyric, melody in DIAGONALS[diagonal]:
        inside = (data.statement == lyric) & (data.melody == melody)
        sides.append((f"{lyric} x {melody}", np.flatnonzero(inside)))
    yield sides
    yield sides[::-1]


def evaluate(model, X, y, train, test):
    """Fit on one side, and return accuracies on the other and seconds of the fit."""
    start = time.perf_counter()
    model.fit([X[i] for i in train], y[train])
    seconds = time.perf_counter() - start
    most = getattr(model, "chunks_per_recording", None)
    n_drawn = getattr(model, "max_epochs", 1) * sum(
        min(len(X[i]), most or len(X[i])) for i in train
    )
    asked = [X[i] for i in test]
    return {
        "chunks": chunk_accuracy(y[test], model.predict_chunks(asked)),
        "recordings": recording_accuracy(y[test], model.predict(asked)),
        "fit s": seconds,
        "trained chunks/s": n_drawn / seconds,
    }


def run(data, diagonal, seeds, network):
    """Return one row a model, direction and seed."""
    y = data.singers
    inputs = {}
    for name, front_end in (
        ("clips", HandcraftedFeatures(n_jobs=-1)),
        ("chunks", MelChunker(n_jobs=-1)),
    ):
        start = time.perf_counter()
        inputs[name] = front_end.fit_transform(data.recordings)
        print(f"{name}: {time.perf_counter() - start:.1f} s for {len(y)} recordings")

    lda = make_pipeline(StandardScaler(), LinearDiscriminantAnalysis())
    models = [
        ("SVM", "", "clips", ClipClassifier()),
        ("LDA", "", "clips", ClipClassifier(lda)),
    ]
    for seed in seeds:
        net = SingerNetClassifier(random_state=seed, verbose=0, **network)
        models.append(("network", seed, "chunks", net))

    rows = []
    with tqdm(total=2 * len(models)) as bar:
        for (trained, train), (tested, test) in directions(data, diagonal):
            for name, seed, kind, model in models:
                bar.set_description(f"{name} on {trained}")
                row = {"model": name, "seed": seed}
                row |= {"trained on": trained, "tested on": tested}
                rows.append(row | evaluate(model, inputs[kind], y, train, test))
                bar.update()
    return rows


def markdown(rows):
    """Return the rows as a table, and below it each model's mean over directions."""

    def line(cells):
        return "| " + " | ".join(str(cell) for cell in cells) + " |"

    def cell(value):
        return (
            f"{value:.3f}"
            if isinstance(value, float) and value <= 1
            else (f"{value:.0f}" if isinstance(value, float) else value)
        )

    lines = [line(COLUMNS), line(["---"] * len(COLUMNS))]
    lines += [line(cell(row[c]) for c in COLUMNS) for row in rows]
    for name in dict.fromkeys(row["model"] for row in rows):
        own = [row for row in rows if row["model"] == name]
        means = {
            kind: [
                np.mean([row[kind] for row in own if row["seed"] == seed])
                for seed in dict.fromkeys(row["seed"] for row in own)
            ]
            for kind in ("chunks", "recordings")
        }
        summary = [
            f"**{np.mean(m):.3f}**" + (f" ± {np.std(m):.3f}" if len(m) > 1 else "")
            for m in means.values()
        ]
        seconds = sum(row["fit s"] for row in own) / len(means["chunks"])
        lines.append(
            line([name, "both ways, mean", "", "all", *summary, f"{seconds:.0f}", ""])
        )
    return "\n".join(lines)


def main():
    """Read the command line, run, print and save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="folder of RAVDESS song")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--diagonal", choices=DIAGONALS, default="reported")
    parser.add_argument("--block", choices=BLOCKS)
    parser.add_argument("--filters", type=int, nargs="+")
    parser.add_argument("--aggregation", choices=AGGREGATIONS)
    parser.add_argument("--max-epochs", type=int)
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--output", type=Path, help="write the rows to this CSV file too"
    )
    arguments = parser.parse_args()

    print(machine.describe())
    chosen = ("block", "filters", "aggregation", "max_epochs", "device")
    network = {
        name: value
        for name, value in vars(arguments).items()
        if name in chosen and value is not None
    }
    start = time.perf_counter()
    data = load_ravdess_song(arguments.data, unit="performance", n_jobs=-1)
    print(
        f"{len(data.singers)} performances of {len(np.unique(data.singers))} singers, "
        f"chance {1 / len(np.unique(data.singers)):.3f}; "
        f"read in {time.perf_counter() - start:.1f} s"
    )
    rows = run(data, arguments.diagonal, arguments.seeds, network)
    print(markdown(rows))
    print(f"all in {time.perf_counter() - start:.0f} s")
    if arguments.output:
        with arguments.output.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
