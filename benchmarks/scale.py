"""How time and memory grow with the number of recordings, and what DAMP needs.

    python benchmarks/scale.py --output scale

The spectrograms are synthetic and of two chunks each, so that ten thousand fit into a
laptop. The network is so small that the rest counts: what the library does for each
recording and each chunk around the convolutions. Every number of recordings has a
process of its own; memory is its peak above what it held before the data. "Growth" is
the exponent between two rows: 1 means in proportion.

Figures for DAMP's 34,620 recordings are extrapolated: bytes in proportion to frames, at
--minutes per recording, and time in proportion to chunks, at the rate measured here for
the library's default network, among synthetic singers as by default.

Writes scale.md and scale.json, damp.md and damp.json, and scale.png.
"""

from pathlib import Path

import collection
import matplotlib
import numpy as np
import torch
from command_line import bare_parser
from speed_audio import files
from speed_networks import FOUR_MINUTES, synthetic
from timing import memory, own_process, timed, write_table
from tqdm.auto import tqdm

from singerlearn import MelChunker, SingerNetClassifier
from singerlearn.chunks import Chunks
from singerlearn.device import check_device

DAMP = 34_620
GPU_GB, OWN_GB = 80, 5
N_FRAMES = 307  # two chunks


def measure(n_recordings, device):
    """Fit for an epoch and transform; return seconds and bytes, for a fresh process."""
    model = SingerNetClassifier(
        filters=(4, 8), max_epochs=1, device=device, random_state=0, verbose=0
    )
    # What is done once, whatever the number, is done before: imports, kernels.
    model.fit(*synthetic(2, N_FRAMES))
    before = memory("VmRSS")
    chunks, y = synthetic(n_recordings, N_FRAMES)
    fit, _ = timed(model.fit, chunks, y)
    transform, _ = timed(model.transform, chunks)
    measured = {
        "recordings": n_recordings,
        "fit, s": fit,
        "transform, s": transform,
        "spectrograms, GB": n_recordings * chunks[0].spectrogram.nbytes / 1e9,
        "peak memory, GB": (memory("VmHWM") - before) / 1e9,
    }
    if device.startswith("cuda"):
        peak = torch.cuda.max_memory_allocated()
        measured["peak on the device, GB"] = peak / 1e9
    return measured


def growth(rows, column):
    """Return the exponent from each row to the next one."""
    n, value = (np.log([row[c] for row in rows]) for c in ("recordings", column))
    return [None, *np.diff(value) / np.diff(n)]


def rates(device, n_chunks):
    """Return chunks per second of the default network: a fit's epoch, and dense.

    Those of the recordings are counted. Synthetic singers sing as many in a fit, as is
    the default where it is known how the spectrograms were made.
    """
    chunks, y = synthetic(2, 256 + 51 * (n_chunks // 2 - 1))
    chunks = [Chunks(c.spectrogram, front_end=MelChunker().front_end) for c in chunks]
    model = SingerNetClassifier(
        chunks_per_recording=None,
        max_epochs=3,
        inference="dense",
        device=device,
        random_state=0,
        verbose=0,
    ).fit(chunks, y)
    seconds = min(timed(model.transform, chunks)[0] for _ in range(3))
    return n_chunks / min(model.history_[1:, "dur"]), n_chunks / seconds


def seconds_of_chunking(minutes):
    """Return what a FLAC file of so many minutes takes, on all cores."""
    with files("flac", 4, 1, 30.0) as (paths, _):
        transform = MelChunker(n_jobs=-1).transform
        transform(paths)
        return timed(transform, paths)[0] / len(paths) * minutes / 0.5


def damp_needs(device, minutes, n_chunks):
    """Return what DAMP's recordings need, as rows of a table."""
    n_frames = round(FOUR_MINUTES * minutes / 4)
    all_chunks = len(Chunks(np.empty((1, n_frames))))
    size = DAMP * 96 * n_frames / 1e9
    training, dense = rates(device, n_chunks)
    some = min(SingerNetClassifier().chunks_per_recording, all_chunks)
    where = "on the GPU" if device.startswith("cuda") else "on this processor"
    hours = {
        "files → chunks, all cores of this machine": DAMP
        * seconds_of_chunking(minutes),
        f"an epoch of {some} chunks a recording, {where}": DAMP * some / training,
        f"an epoch of all {all_chunks} chunks, {where}": DAMP * all_chunks / training,
        f"dense prediction of all, {where}": DAMP * all_chunks / dense,
    }
    space = {
        "spectrograms in memory, or on one GPU, float32": 4 * size,
        "in a store, uint16": 2 * size,
        "in a store, uint8": size,
    }
    on_one = (GPU_GB - OWN_GB) / (4 * size) * DAMP
    return [
        *({"what": what, "needs": f"{gb:.0f} GB"} for what, gb in space.items()),
        {
            "what": f"recordings that lie on a GPU of {GPU_GB} GB at once, {OWN_GB} GB "
            "of it the network's own",
            "needs": f"{min(DAMP, int(on_one)):,} of {DAMP:,}",
        },
        *({"what": what, "needs": f"{s / 3600:.3g} h"} for what, s in hours.items()),
    ]


def draw(rows, path):
    """Draw time and memory over the number of recordings, on to DAMP's."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    n = np.array([row["recordings"] for row in rows])
    units = {"s": "seconds", "GB": "gigabytes"}
    for ax, (unit, label) in zip(panels, units.items(), strict=True):
        for column in (c for c in rows[0] if c.endswith(f", {unit}")):
            value = [row[column] for row in rows]
            (line,) = ax.loglog(n, value, "o-", label=column.removesuffix(f", {unit}"))
            ax.loglog([n[-1], DAMP], [value[-1], value[-1] * DAMP / n[-1]],
                      ":", color=line.get_color())  # fmt: skip
        ax.axvline(DAMP, color="0.7", zorder=0)
        ax.set(xlabel="recordings of two chunks", ylabel=label)
        ax.legend()
    figure.suptitle("Measured, and on to DAMP's 34,620 recordings in proportion")
    figure.savefig(path, dpi=120)


def main():
    """Read the command line, measure, print and save."""
    parser = bare_parser(__doc__)
    parser.add_argument(
        "--counts",
        type=collection.positive,
        nargs="+",
        default=[100, 1000, 10_000],
        help="numbers of recordings to measure",
    )
    parser.add_argument(
        "--chunks",
        type=collection.positive,
        default=256,
        help="how many to measure the network's rate with",
    )
    parser.add_argument(
        "--minutes", type=float, default=4.0, help="length of a DAMP recording"
    )
    parser.add_argument(
        "--device", default="auto", help="where networks run: cpu, cuda, ..."
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("scale"),
        help="folder for tables and picture",
    )
    arguments = parser.parse_args()
    device = check_device(arguments.device)
    rows = []
    for n_recordings in tqdm(sorted(arguments.counts), unit="size"):
        with own_process() as call:
            rows.append(call(measure, n_recordings, device))
    shown = [{name: f"{x:.3g}" for name, x in row.items()} for row in rows]
    for column in ("fit, s", "transform, s", "peak memory, GB"):
        for row, exponent in zip(shown, growth(rows, column), strict=True):
            row[f"growth of {column.split(',')[0]}"] = (
                "" if exponent is None else f"{exponent:.2f}"
            )
    print(write_table(arguments.output / "scale", shown, rows))
    needs = damp_needs(device, arguments.minutes, arguments.chunks)
    print(write_table(arguments.output / "damp", needs))
    draw(rows, arguments.output / "scale.png")


if __name__ == "__main__":
    main()
