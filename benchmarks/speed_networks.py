"""Rows of `speed.py` with a network: training, prediction, folds, memory. On the CPU.

Contenders have processes of their own: ours changes how its process keeps memory.
"""

import tempfile
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import soundfile as sf
import torch
from arithmetic import matrix_rate, operations
from sklearn.model_selection import cross_validate
from sklearn.pipeline import Pipeline
from skorch import NeuralNet
from speed_audio import files
from timing import Row, in_turn, memory, own_process, ratios, timed, typical

from singerlearn import MelChunker, SingerNetClassifier
from singerlearn.batches import ChunkBatches, ChunkDataset
from singerlearn.chunks import Chunks
from singerlearn.datasets import make_singers
from singerlearn.device import check_precision
from singerlearn.nn import SingerNet
from singerlearn.nn.blocks import OneChannelConv2d, PairwiseMaxPool2d

FOUR_MINUTES = 10336  # frames
N_STEPS = 15  # of a fit whose memory is measured
PLAIN = {OneChannelConv2d: torch.nn.Conv2d, PairwiseMaxPool2d: torch.nn.MaxPool2d}


def precisions():
    """Return what precision="auto" stands for here, and float32 if that is another."""
    return dict.fromkeys([check_precision("auto", "cpu"), "float32"])


def also_compiled(names):
    """Return names and whether torch compiles, by what both together are called."""
    return {
        f"{name}{', compiled' if compile else ''}": (name, compile)
        for name, compile in product(names, (False, True))
    }


def synthetic(n_recordings, n_frames):
    """Return chunked spectrograms that were never heard, and two singers in turn."""
    rng = np.random.default_rng(0)
    chunks = []
    for _ in range(n_recordings):
        spectrogram = rng.random((96, n_frames), dtype=np.float32)
        spectrogram *= 60
        chunks.append(Chunks(spectrogram))
    return chunks, np.arange(n_recordings) % 2


def training_row(sizes):
    """Chunks per second of a fit."""
    goals = {
        "resnext": {"bfloat16": "≥ 4 times", "float32": "≥ 2 times"},
        "vanilla": {"bfloat16": "≥ 2.5 times", "float32": "≥ 2 times"},
    }
    rate = matrix_rate("cpu", torch.float32)
    n_chunks = 2 * sizes.batch
    chunks, y = synthetic(4, 256 + 51 * (n_chunks // 4 - 1))
    for block, goal in goals.items():
        # Without dropout and with the same weights and order, losses can be compared.
        model = SingerNetClassifier.paper(
            block=block,
            filters=sizes.filters,
            dropout=0.0,
            max_epochs=3,
            batch_size=sizes.batch,
            early_stopping=False,
            device="cpu",
            random_state=0,
            verbose=0,
        )
        contenders = {"plain": partial(train_plainly, model, chunks, y)} | {
            name: partial(train, model, chunks, y, *how)
            for name, how in also_compiled(precisions()).items()
        }
        rounds = in_turn(contenders, sizes.fits, warm_up=False, apart=True)
        plain = np.array(rounds["plain"][0][1])
        network = dict(block=block, filters=sizes.filters, aggregation="attention")
        cost = operations(chunks[0], "cpu", **network).training
        for name, (precision, _) in also_compiled(precisions()).items():
            off = np.abs(np.array(rounds[name][0][1]) / plain - 1).max()
            speeds = [n_chunks / typical(rounds, n) for n in (name, "plain")]
            # Beside a product of float32 matrices: how far a ratio can go at all.
            shares = [round(100 * speed * cost / rate) for speed in speeds]
            yield Row(
                f"training, {block} {sizes.filters}, {name}",
                "the same network in plain skorch, its default loader, float32",
                goal[precision],
                ratios(rounds, "plain", name),
                "{:.3g} against {:.3g} chunks/s, {} and {} % of this machine's float32 "
                "matrix rate; ".format(*speeds, *shares)
                + f"epoch losses within {off:.1e} of each other",
            )


def train(model, chunks, y, precision, compile):
    """Fit; return the seconds of an epoch after the first, and all losses."""
    model.set_params(precision=precision, compile=compile)
    return of_epochs(model.fit(chunks, y).history_)


def train_plainly(model, chunks, y):
    """Train the same network as it comes: a chunked copy, torch's loader, float32.

    The chunks come in the order of our own fit, from the same initial weights.
    """
    seed = np.random.RandomState(model.random_state).randint(2**31 - 1)
    order = ChunkBatches(ChunkDataset(chunks), model.batch_size, seed=seed)
    X = np.concatenate(chunks)  # (n_chunks, n_bands, chunk_frames)
    torch.manual_seed(seed)
    net = NeuralNet(
        PlainNet,
        module__n_bands=X.shape[1],
        module__chunk_frames=X.shape[2],
        module__n_outputs=len(np.unique(y)),
        **{
            f"module__{name}": getattr(model, name)
            for name in (
                "block", "cardinality", "filters", "aggregation", "dense", "dropout"
            )
        },
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        optimizer__weight_decay=model.weight_decay,
        lr=model.lr,
        max_epochs=model.max_epochs,
        batch_size=model.batch_size,
        device=model.device,
        iterator_train__sampler=Shuffled(order),
        train_split=None,
        callbacks__print_log=None,
        verbose=0,
    )  # fmt: skip
    net.fit(X, np.repeat(y, [len(c) for c in chunks]))
    return of_epochs(net.history)


class PlainNet(SingerNet):
    """The network with torch's own layers alone, as anybody would write them.

    Its attention, which copies nothing, and its first weights stay: if anything, they
    favour it.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        write_plainly(self)


def write_plainly(net):
    """Let torch's own layers do what ours do."""
    for layer in net.modules():
        layer.__class__ = PLAIN.get(type(layer), type(layer))


class Shuffled:
    """A sampler for torch's loader, with the order of our own batches."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(np.concatenate(list(self.batches.draw())).tolist())

    def __len__(self):
        return len(self.batches.dataset)


def of_epochs(history):
    """Return the median seconds of the epochs after the first, and all losses."""
    return float(np.median(history[1:, "dur"])), history[:, "train_loss"]


def prediction_row(sizes):
    """Probabilities of chunks and of recordings."""
    X, y = make_singers(4, 3, duration=8.0, random_state=0, return_X_y=True)
    # Trained a little: where all are alike, or one is certain, nothing can differ.
    model = SingerNetClassifier.paper(
        filters=sizes.filters,
        lr=1e-3,
        max_epochs=8,
        early_stopping=False,
        precision="auto",
        device="cpu",
        random_state=0,
        verbose=0,
    ).fit(X, y)
    # Two of these singers, for longer.
    heard = make_singers(2, 1, duration=sizes.seconds, random_state=0).recordings
    chunks = MelChunker().transform(heard)
    n_chunks = sum(map(len, chunks))
    ways = also_compiled(("chunks", "dense"))
    rounds = in_turn(
        {
            "batches of 1": partial(predict_plainly, model, chunks, 1),
            "batches of 32": partial(predict_plainly, model, chunks, 32),
        }
        | {name: partial(predict, model, chunks, *how) for name, how in ways.items()},
        sizes.fits,
        apart=True,
    )
    plain = rounds["batches of 1"][0][1]
    rate = matrix_rate("cpu", torch.float32)
    network = dict(filters=sizes.filters, aggregation="attention")
    costs = operations(chunks[0], "cpu", **network)
    cost = {"batches": costs.alone, "chunks": costs.overlapping, "dense": costs.dense}

    def speed(way):
        speed = n_chunks / typical(rounds, way)
        (each,) = (cost[name] for name in cost if way.startswith(name))
        share = speed * each / rate
        return f"{speed:.3g} chunks/s ({100 * share:.0f} %)"

    theirs = "the same network, chunk by chunk, plain, float32"
    network = f"prediction, resnext {sizes.filters}"
    yield Row(
        f"{network}, plain batches of 32",
        theirs,
        "–",
        ratios(rounds, "batches of 1", "batches of 32"),
        f"{speed('batches of 32')} against {speed('batches of 1')}; in brackets the "
        "share of this machine's float32 matrix rate",
    )
    goals = {"chunks": "≥ 5 times", "dense": "≥ 12 times"}
    for way, (inference, _) in ways.items():
        ours = rounds[way][0][1]
        of_chunks, of_recordings = (
            max(np.abs(f(a) - f(b)).max() for a, b in zip(ours, plain, strict=True))
            for f in (np.asarray, partial(np.mean, axis=0))
        )
        beside = np.median(ratios(rounds, "batches of 32", way))
        yield Row(
            f"{network}, ours, {next(iter(precisions()))}, {way}",
            theirs,
            goals[inference],
            ratios(rounds, "batches of 1", way),
            f"{speed(way)}; {beside:.3g} times plain batches of 32; "
            f"probabilities differ by {of_chunks:.1e} at most, those of recordings by "
            f"{of_recordings:.1e}",
        )


def predict(model, chunks, inference, compile):
    """Return seconds, and the probabilities of each recording's chunks."""
    model.set_params(inference=inference, compile=compile)
    return timed(model.predict_proba_chunks, chunks)


def predict_plainly(model, chunks, batch_size):
    """Do the same with the network alone, channels first, no memory kept."""
    module = model.net_.module_.to(memory_format=torch.contiguous_format).eval()
    module.precision = "float32"
    write_plainly(module)

    def probabilities(recording):
        rows = [
            module(torch.from_numpy(np.stack(recording[first : first + batch_size])))
            for first in range(0, len(recording), batch_size)
        ]
        return torch.cat(rows).softmax(dim=1).numpy()

    with torch.no_grad():
        return timed(lambda: [probabilities(recording) for recording in chunks])


def cross_validation_row(sizes):
    """A cross-validation, from files to scores, beside its folds' epochs alone."""
    ways = {"chunked beforehand": chunk_and_validate, "with store=": validate_stored}
    with files("flac", 4, sizes.folds, sizes.song_seconds) as (paths, y):
        model = SingerNetClassifier(
            filters=sizes.fold_filters,
            max_epochs=sizes.epochs,
            device="cpu",
            random_state=0,
            verbose=0,
        )
        rounds = in_turn(
            {
                way: partial(function, model, paths, y, sizes.folds)
                for way, function in ways.items()
            },
            sizes.fits,
            apart=True,
        )
    for way, done in rounds.items():
        yield Row(
            f"{sizes.folds}-fold cross-validation of {len(paths)} files, {way}",
            "sum of the folds' training epochs alone, in the same run",
            "≤ 1.1 times",
            [seconds / training for seconds, training in done],
            f"library's defaults, filters {model.filters}, but {sizes.epochs} of 30 "
            "epochs; with all the ratio is smaller",
        )


def chunk_and_validate(model, paths, y, cv):
    """Return all seconds, and those of the epochs."""

    def run():
        chunks = MelChunker(n_jobs=-1).fit_transform(paths)
        return cross_validate(model, chunks, y, cv=cv, return_estimator=True)

    seconds, scores = timed(run)
    return seconds, sum(sum(m.history_[:, "dur"]) for m in scores["estimator"])


def validate_stored(model, paths, y, cv):
    """Return all seconds, and those of the epochs; every fold asks the store."""
    with tempfile.TemporaryDirectory() as folder:
        steps = [("chunks", MelChunker(store=folder, n_jobs=-1)), ("net", model)]
        seconds, scores = timed(
            cross_validate, Pipeline(steps), paths, y, cv=cv, return_estimator=True
        )
    return seconds, sum(sum(m["net"].history_[:, "dur"]) for m in scores["estimator"])


def memory_row(sizes):
    """Peak memory of a fit, over what its process held before.

    Each fit has a fresh process, whose resident memory is read before there are any
    spectrograms, and whose peak is read after the fit. A fit of two recordings, less
    their spectrograms, tells what the network, its steps and the imports need; a fit of
    many may need this and their spectrograms, once.
    """
    model = SingerNetClassifier.paper(
        filters=sizes.filters,
        early_stopping=False,
        max_epochs=1,
        batch_size=sizes.batch,
        precision="auto",
        device="cpu",
        random_state=0,
        verbose=0,
    )
    few, many = 2, sizes.n_in_memory
    of_one = 4 * 96 * FOUR_MINUTES
    measured, own = [], []
    for _ in range(sizes.fits):
        peaks = {}
        for n_recordings in (few, many):
            # As many steps, of whole batches, whatever the number of recordings.
            drawn = N_STEPS * sizes.batch // n_recordings
            model.set_params(chunks_per_recording=drawn)
            with own_process() as call:
                peaks[n_recordings] = call(peak_of_fit, model, n_recordings)
        own.append(peaks[few] - few * of_one)
        measured.append(peaks[many] / (many * of_one + own[-1]))
    once = many * of_one / 1e9
    copied = once * len(Chunks(np.empty((1, FOUR_MINUTES)))) * 256 / FOUR_MINUTES
    yield Row(
        f"memory of a fit, resnext {sizes.filters}, {many} recordings of 4 min",
        "the spectrograms once, plus the network's own",
        "≤ 1.2 times",
        measured,
        f"spectrograms {once:.2f} GB, chunked they would be {copied:.2f} GB; the "
        f"network's own {np.median(own) / 1e9:.2f} GB in batches of {sizes.batch}",
    )


def peak_of_fit(model, n_recordings):
    """Return by how many bytes a fit's peak exceeds what was there before its data."""
    before = memory("VmRSS")
    model.fit(*synthetic(n_recordings, FOUR_MINUTES))
    return memory("VmHWM") - before


def long_recording_row(sizes):
    """Peak memory of a process that predicts a file of hours, imports and all."""
    minute = make_singers(1, 1, duration=60.0, sampling_rate=44100, random_state=0)
    X, y = make_singers(2, 1, duration=6.0, random_state=0, return_X_y=True)
    model = SingerNetClassifier(max_epochs=1, device="cpu", random_state=0, verbose=0)
    model.fit(X, y)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.flac"
        with sf.SoundFile(path, "w", 44100, 1) as file:
            for _ in range(sizes.minutes):
                file.write(minute.recordings[0])
        for inference in ("chunks", "dense"):
            model.set_params(inference=inference)
            with own_process() as call:
                seconds, peak = call(predict_and_weigh, model, path)
            yield Row(
                f"memory of predicting {sizes.minutes} minutes of FLAC, {inference}",
                "2 GB for the whole process",
                "≤ 1 time",
                [peak / 2e9],
                f"{seconds / sizes.minutes:.2g} s per minute",
            )


def predict_and_weigh(model, path):
    """Return the seconds of a prediction, and the most that this process held."""
    return timed(model.predict, [path])[0], memory("VmHWM")
