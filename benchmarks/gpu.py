"""How networks do on a GPU: chunks per second, share of the chip's rate, memory.

    python benchmarks/gpu.py --output gpu

The paper's shallow networks are fitted to, and predict, synthetic spectrograms of four
minutes, 460 of them as in the paper's collection: in float32 (torch lets its
convolutions round to TF32), in bfloat16, and in bfloat16 compiled ("compiled"). For
comparison, the same networks are trained on 40 of them in plain skorch with its default
loader, in float32 ("skorch").

- Training: three epochs draw some chunks of each recording; the median after the first
  counts, since the first compiles and chooses algorithms. "s per epoch" is what all
  chunks of the 460 recordings take at this rate.
- Prediction: from spectrograms on the host to probabilities on the host, best of three.
- Shares are relative to the rate of a large product of bfloat16 matrices, measured
  first. The cost of a chunk is counted in the network, by torch; dense inference costs
  less per chunk.
- Memory is the most that torch reserves in a fit, minus the spectrograms. The largest
  collection is calculated: 95 % of the chip's memory, minus this, divided by the bytes
  reserved per recording.

Then the library's own classifier learns from 46 of them, eight chunks per recording,
alone and among its synthetic singers, who sing in one process and in as many as it uses
by default: the GPU has to wait for them. Its steps are of 16 chunks.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from arithmetic import matrix_rate, operations
from command_line import bare_parser
from speed_networks import FOUR_MINUTES, of_epochs, synthetic, train_plainly
from timing import timed, write_table
from tqdm.auto import tqdm

from singerlearn import MelChunker, SingerNetClassifier
from singerlearn.batches import ChunkDataset
from singerlearn.chunks import Chunks

DEVICE = "cuda"
N_RECORDINGS, N_SINGERS = 460, 46
N_SOME = 40  # recordings of those to predict, or to train on plainly
PLAIN = "skorch"
MODES = {
    PLAIN: {},
    "float32": dict(precision="float32"),
    "bfloat16": dict(precision="bfloat16"),
    "compiled": dict(precision="bfloat16", compile=True),
}


def bytes_on_device(chunks):
    """Return what the spectrograms of these recordings take on the device."""
    torch.cuda.empty_cache()
    before = torch.cuda.memory_reserved()
    there = ChunkDataset(chunks, device=DEVICE)
    n_bytes = torch.cuda.memory_reserved() - before
    del there
    return n_bytes


def build(block, batch, **parameters):
    """Return the paper's network, to be fitted for three epochs."""
    return SingerNetClassifier.paper(
        block=block,
        batch_size=batch,
        max_epochs=3,
        early_stopping=False,
        device=DEVICE,
        random_state=0,
        verbose=0,
        **parameters,
    )


def name_singers(chunks):
    """Return as many singers as the paper's collection has, in turn."""
    return np.arange(len(chunks)) % N_SINGERS


def measure_plainly(block, batch, chunks):
    """Return the chunks a second of a plain training."""
    some = chunks[:N_SOME]
    seconds, _ = train_plainly(build(block, batch), some, name_singers(some))
    return {"training": sum(map(len, some)) / seconds}, None


def measure(block, batch, chunks, spectrograms, drawn, how):
    """Fit and predict in one way; return chunks a second, and the network's bytes."""
    model = build(block, batch, chunks_per_recording=drawn, **how)
    model.fit(chunks, name_singers(chunks))
    own = torch.cuda.max_memory_reserved() - spectrograms
    n_drawn = sum(min(drawn, len(recording)) for recording in chunks)
    speeds = {"training": n_drawn / of_epochs(model.history_)[0]}

    some = chunks[:N_SOME]
    for name, inference in (("prediction", "chunks"), ("dense", "dense")):
        model.set_params(inference=inference)
        model.predict_proba_chunks(some)
        seconds = min(timed(model.predict_proba_chunks, some)[0] for _ in range(3))
        speeds[name] = sum(map(len, some)) / seconds
    return speeds, own


def row(block, mode, batch, chunks, spectrograms, rate, drawn):
    """Measure one way; return a row of the table."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    if mode == PLAIN:
        speeds, own = measure_plainly(block, batch, chunks)
    else:
        speeds, own = measure(block, batch, chunks, spectrograms, drawn, MODES[mode])

    # All chunks of the paper's collection.
    n_chunks = N_RECORDINGS * len(chunks[0])
    cells = {
        "network": f"{block} (64, 128)",
        "mode": mode,
        "batch": batch,
        "s per epoch": round(n_chunks / speeds["training"], 1),
        "network's own, GB": "",
        "most recordings": "",
    }
    costs = operations(chunks[0], DEVICE, batch, block=block, aggregation="attention")
    for what, cost in (
        ("training", costs.training),
        ("prediction", costs.overlapping),
        ("dense", costs.dense),
    ):
        speed = speeds.get(what)
        cells[f"{what}, chunks/s"] = round(speed) if speed else ""
        cells[f"{what}, % of chip"] = (
            round(100 * speed * cost / rate, 1) if speed else ""
        )
    if own is not None:
        left = 0.95 * torch.cuda.mem_get_info()[1] - own
        cells["network's own, GB"] = round(own / 1e9, 2)
        cells["most recordings"] = int(left / (spectrograms / len(chunks)))
    return cells


def among_singers(chunks):
    """Yield rows of a table: the classifier alone, and beside synthetic singers."""
    some = [Chunks(c.spectrogram, front_end=MelChunker().front_end) for c in chunks]
    for n_singers, n_jobs in ((0, None), (1600, None), (1600, "auto")):
        model = SingerNetClassifier(
            synthetic_singers=n_singers,
            n_jobs=n_jobs,
            max_epochs=3,
            device=DEVICE,
            random_state=0,
            verbose=0,
        ).fit(some, name_singers(some))
        seconds, _ = of_epochs(model.history_)
        steps = model.history_[-1, "train_batch_count"]
        yield {
            "synthetic singers": n_singers,
            "n_jobs": n_jobs,
            "steps/s": round(steps / seconds, 1),
            "s per epoch": round(seconds, 2),
        }


def main():
    """Read the command line, measure, print and save."""
    parser = bare_parser(__doc__)
    parser.add_argument(
        "--blocks",
        nargs="+",
        default=["resnext", "vanilla"],
        help="which blocks the networks are made of",
    )
    parser.add_argument(
        "--modes",
        nargs="+",
        choices=MODES,
        default=list(MODES),
        help="in which ways to run the networks",
    )
    parser.add_argument(
        "--batches", type=int, nargs="+", default=[32, 256], help="chunks in a step"
    )
    parser.add_argument(
        "--recordings",
        type=int,
        default=N_RECORDINGS,
        help="how many, of four minutes each",
    )
    parser.add_argument(
        "--chunks-per-recording", type=int, default=20, help="drawn per epoch"
    )
    parser.add_argument("--output", type=Path, help="folder for the tables")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("benchmarks/gpu.py needs a GPU with CUDA, and torch sees none here")

    rate = matrix_rate(DEVICE, torch.bfloat16)
    chunks, _ = synthetic(arguments.recordings, FOUR_MINUTES)
    spectrograms = bytes_on_device(chunks)
    notes = {
        "product of bfloat16 matrices": f"{rate / 1e12:.0f} TFLOP/s",
        "spectrograms": f"{spectrograms / len(chunks) / 1e6:.2f} MB a recording of "
        f"{FOUR_MINUTES} frames, {len(chunks[0])} chunks",
    }
    rows = []
    ways = [
        (block, mode, batch)
        for block in arguments.blocks
        for mode in arguments.modes
        for batch in arguments.batches
    ]
    for way in tqdm(ways, unit="fit"):
        drawn = arguments.chunks_per_recording
        rows.append(row(*way, chunks, spectrograms, rate, drawn))
        path = arguments.output and arguments.output / "gpu"
        table = write_table(path, rows, **notes)
    print(table)
    beside = list(among_singers(chunks[:N_SINGERS]))
    print(write_table(arguments.output and arguments.output / "singers", beside))


if __name__ == "__main__":
    main()
