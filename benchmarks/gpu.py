"""What a GPU makes of the networks: chunks per second, share of the chip, memory.

    python benchmarks/gpu.py --output gpu

The paper's shallow networks fit and predict synthetic spectrograms of four minutes, 460
of them as in the paper's collection, in float32 (torch lets its convolutions round to
TF32), in bfloat16, and in bfloat16 compiled.

- Training: three epochs draw some chunks of each recording; the faster one after the
  first counts, since the first compiles and chooses algorithms. "s per epoch" is what
  all chunks of the 460 recordings take at this rate.
- Prediction: from spectrograms on the host to probabilities on the host, best of three.
- Shares are of the rate of a large product of bfloat16 matrices, measured first. What a
  chunk costs is counted in the network, by torch; dense inference costs less a chunk.
- Memory is the most that torch has reserved in a fit, less the spectrograms. The
  largest collection is arithmetic: 95 % of the chip's memory, less this, over a
  recording's bytes as reserved.

Compiling concerns training alone.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from arithmetic import matrix_rate, operations
from speed_networks import FOUR_MINUTES, synthetic
from timing import timed, write_table
from tqdm.auto import tqdm

from singerlearn import SingerNetClassifier
from singerlearn.batches import ChunkDataset

DEVICE = "cuda"
N_RECORDINGS, N_SINGERS = 460, 46
MODES = {
    "float32": dict(precision="float32"),
    "bfloat16": dict(precision="bfloat16"),
    "bfloat16, compiled": dict(precision="bfloat16", compile=True),
}


def bytes_on_device(chunks):
    """Return what the spectrograms of these recordings take on the device."""
    torch.cuda.empty_cache()
    before = torch.cuda.memory_reserved()
    there = ChunkDataset(chunks, device=DEVICE)
    n_bytes = torch.cuda.memory_reserved() - before
    del there
    return n_bytes


def measure(block, mode, batch, chunks, spectrograms, rate, drawn):
    """Fit and predict in one way; return a row of the table."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    model = SingerNetClassifier.paper(
        block=block,
        batch_size=batch,
        max_epochs=3,
        early_stopping=False,
        chunks_per_recording=drawn,
        device=DEVICE,
        random_state=0,
        verbose=0,
        **MODES[mode],
    ).fit(chunks, np.arange(len(chunks)) % N_SINGERS)
    own = torch.cuda.max_memory_reserved() - spectrograms
    n_drawn = sum(min(drawn, len(recording)) for recording in chunks)
    training = n_drawn / min(model.history_[1:, "dur"])

    some = chunks[:40]
    prediction = {}
    for inference in ("chunks", "dense"):
        model.set_params(inference=inference)
        model.predict_proba_chunks(some)
        seconds = min(timed(model.predict_proba_chunks, some)[0] for _ in range(3))
        prediction[inference] = sum(map(len, some)) / seconds

    rates = (training, prediction["chunks"], prediction["dense"])
    costs = operations(chunks[0], DEVICE, block=block, aggregation="attention")
    percent = [round(100 * r * c / rate, 1) for r, c in zip(rates, costs, strict=True)]
    of_chip = torch.cuda.mem_get_info()[1]
    return {
        "network": f"{block} (64, 128)",
        "mode": mode,
        "batch": batch,
        "training, chunks/s": round(training),
        "% of chip (training)": percent[0],
        "s per epoch": round(N_RECORDINGS * len(chunks[0]) / training, 1),
        "prediction, chunks/s": round(prediction["chunks"]),
        "% of chip (prediction)": percent[1],
        "dense, chunks/s": round(prediction["dense"]),
        "% of chip (dense)": percent[2],
        "network's own, GB": round(own / 1e9, 2),
        "most recordings": int((0.95 * of_chip - own) / (spectrograms / len(chunks))),
    }


def main():
    """Read the command line, measure, print and save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--blocks", nargs="+", default=["resnext", "vanilla"])
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--batches", type=int, nargs="+", default=[32, 256])
    parser.add_argument("--recordings", type=int, default=N_RECORDINGS)
    parser.add_argument("--chunks-per-recording", type=int, default=20)
    parser.add_argument("--output", type=Path, help="folder for gpu.md and gpu.json")
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
        rows.append(
            measure(*way, chunks, spectrograms, rate, arguments.chunks_per_recording)
        )
        path = arguments.output and arguments.output / "gpu"
        table = write_table(path, rows, **notes)
    print(table)


if __name__ == "__main__":
    main()
