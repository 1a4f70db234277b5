"""On a GPU: what the CPU gives, no waiting in the loop, errors that say what fits."""

import gc
import os
import pickle
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from skorch.callbacks import Callback

from singerlearn import SingerEmbedder, SingerNetClassifier, VoiceFeatures
from singerlearn.batches import ChunkBatches
from singerlearn.chunks import Chunks
from singerlearn.nn import AGGREGATIONS, BLOCKS
from singerlearn.nn.losses import LOSSES

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="torch sees no GPU"
)

# Convolutions on a GPU round float32 to ten bits of mantissa (TF32), as torch has it.
ROUNDED = dict(rtol=2e-2, atol=2e-3)


@pytest.fixture
def on_gpu(tiny):
    """Parameters of the tiny network, on the GPU."""
    return tiny | dict(device="cuda")


@pytest.fixture
def exact():
    """Convolutions in float32 to the end, for as long as a test takes."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


@pytest.fixture
def forgiving():
    """Let torch wait for the device again after a test, however it ends."""
    yield
    torch.cuda.set_sync_debug_mode("default")


@pytest.fixture
def small_gpu():
    """Leave torch two gigabytes of the GPU."""
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(2e9 / total)
    yield
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1.0)


def losses(model):
    return np.array(model.history_[:, "train_loss"])


def noise(n_recordings, n_frames):
    """Spectrograms that were never heard."""
    rng = np.random.default_rng(0)
    return [
        Chunks(60 * rng.random((96, n_frames), dtype=np.float32))
        for _ in range(n_recordings)
    ]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_fit_follows_the_cpus(chunked, singers, tiny, block, exact):
    # What augments draws where the chunks lie, from another generator.
    options = tiny | dict(block=block, dropout=0.0, augment=False, precision="float32")
    cpu, gpu = (
        SingerNetClassifier(**options | dict(device=device)).fit(
            chunked, singers.singers
        )
        for device in ("cpu", "cuda")
    )
    assert next(gpu.net_.module_.parameters()).device.type == "cuda"
    # Sums in another order grow apart from step to step.
    assert_allclose(losses(gpu), losses(cpu), rtol=5e-2)


def test_bfloat16_learns_alike(chunked, singers, on_gpu):
    reference, short = (
        SingerNetClassifier(**on_gpu | dict(dropout=0.0, precision=precision)).fit(
            chunked, singers.singers
        )
        for precision in ("float32", "auto")
    )
    assert short.net_.module_.precision == "bfloat16"
    assert_allclose(losses(short), losses(reference), rtol=0.1)


def test_a_compiled_fit_follows(chunked, singers, on_gpu):
    plain, compiled = (
        SingerNetClassifier(**on_gpu | dict(dropout=0.0, compile=compile)).fit(
            chunked, singers.singers
        )
        for compile in (False, True)
    )
    assert_allclose(losses(compiled), losses(plain), rtol=5e-2)
    assert_allclose(
        compiled.predict_proba(chunked),
        compiled.set_params(compile=False).predict_proba(chunked),
        atol=2e-2,
    )


@pytest.mark.parametrize("inference", ["chunks", "dense"])
@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_a_network_reads_recordings_as_on_the_cpu(
    chunked, singers, on_gpu, inference, aggregation, exact
):
    options = on_gpu | dict(aggregation=aggregation, inference=inference)
    model = SingerNetClassifier(**options, precision="float32", n_cepstra=20)
    model.fit(chunked, singers.singers)
    there = model.predict_proba_chunks(chunked)
    some = model.set_params(batch_size=3).predict_proba_chunks(chunked)
    model.net_.module_.to("cpu")
    here = model.predict_proba_chunks(chunked)
    for many, few, on_cpu in zip(there, some, here, strict=True):
        assert_allclose(many, on_cpu, rtol=1e-3, atol=1e-4)
        assert_allclose(few, many, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
def test_embedders_learn(chunked, singers, on_gpu, loss):
    options = on_gpu | dict(stretches=(0.9, 1.1), synthetic_singers=20)
    model = SingerEmbedder(4, loss, **options).fit(chunked, singers.singers)
    assert np.isfinite(losses(model)).all()
    embedded = model.transform(chunked)
    model.net_.module_.to("cpu")
    assert_allclose(
        embedded, model.transform(chunked), atol=0.05 * np.abs(embedded).max()
    )


@pytest.mark.parametrize(
    "build",
    [
        partial(SingerNetClassifier, augment=True, stretches=(0.9,)),
        partial(SingerNetClassifier, augment=False),
        partial(SingerEmbedder, 4, "contrastive"),
        partial(SingerEmbedder, 4, "supervised-contrastive"),
        partial(SingerEmbedder, 4, "margin-softmax"),
    ],
)
def test_steps_neither_wait_nor_copy(
    chunked, singers, on_gpu, build, monkeypatch, forgiving
):
    whole = ChunkBatches.__iter__
    epochs = []

    def watched(batches):
        epochs.append(0)
        torch.cuda.set_sync_debug_mode("error")
        try:
            for batch in whole(batches):
                epochs[-1] += 1
                yield batch
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(ChunkBatches, "__iter__", watched)
    model = build()
    model.set_params(**{k: v for k, v in on_gpu.items() if k != "stretches"})
    model.fit(chunked, singers.singers)
    assert len(epochs) == on_gpu["max_epochs"]
    assert min(epochs) > 1


def test_spectrograms_lie_there_once(on_gpu):
    recordings = noise(100, 10_000)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    few = on_gpu | dict(max_epochs=1, chunks_per_recording=2, batch_size=4)
    SingerNetClassifier(**few).fit(recordings, np.arange(100) % 2)
    once = 4 * sum(r.spectrogram.size for r in recordings)
    assert once < torch.cuda.max_memory_allocated() - before < 1.5 * once


@pytest.mark.parametrize("build", [SingerNetClassifier.paper, SingerEmbedder.paper])
def test_a_batch_that_does_not_fit_is_told_with_one_that_does(small_gpu, build):
    recordings = noise(2, 60_000)
    options = dict(max_epochs=1, early_stopping=False, device="cuda", verbose=0)
    options["dense"] = (8,)
    with pytest.raises(
        ValueError, match=r"batch_size=2048 does not fit .*; batch_size=\d+ does"
    ) as e:
        build(batch_size=2048, **options).fit(recordings, [0, 1])
    fits = int(str(e.value).split("batch_size=")[-1].split()[0])
    assert 2 <= fits <= 1024
    del e
    model = build(batch_size=fits, **options).fit(recordings, [0, 1])
    model.set_params(batch_size=20_000)
    with pytest.raises(ValueError, match="set_params a smaller one"):
        model.transform(recordings)
    assert len(model.set_params(batch_size=fits).transform(recordings)) == 2


def test_recordings_that_do_not_fit_are_told(small_gpu, on_gpu):
    recordings = noise(1, 100_000) * 60
    with pytest.raises(ValueError, match="60 recordings, 2.3 GB, do not fit"):
        SingerNetClassifier(**on_gpu).fit(recordings, np.arange(60) % 2)
    del recordings
    gc.collect()
    assert torch.cuda.memory_allocated() < 1e9


def test_the_callers_generator_is_untouched(chunked, singers, on_gpu):
    before = torch.cuda.get_rng_state()
    SingerNetClassifier(**on_gpu | dict(dropout=0.5)).fit(chunked, singers.singers)
    assert torch.equal(torch.cuda.get_rng_state(), before)


def test_what_learned_there_names_singers_where_there_is_no_gpu(
    chunked, singers, on_gpu, tmp_path
):
    model = SingerNetClassifier(**on_gpu, precision="float32")
    model.fit(chunked, singers.singers)
    kept = tmp_path / "model.pickle"
    kept.write_bytes(pickle.dumps((model, chunked)))
    code = (
        "import pickle, sys, numpy as np\n"
        "model, chunks = pickle.load(open(sys.argv[1], 'rb'))\n"
        "np.save(sys.argv[2], model.predict_proba(chunks))\n"
    )
    there = model.predict_proba(chunked)
    subprocess.run(
        [sys.executable, "-c", code, kept, tmp_path / "proba.npy"],
        check=True,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
    )
    assert_allclose(np.load(tmp_path / "proba.npy"), there, **ROUNDED)
    np.testing.assert_array_equal(
        pickle.loads(kept.read_bytes())[0].predict_proba(chunked), there
    )


def test_a_network_kept_there_comes_back_on_the_cpu(chunked, singers, on_gpu, tmp_path):
    model = SingerEmbedder(4, **on_gpu, precision="float32")
    model.fit(chunked, singers.singers).save_pretrained(tmp_path / "kept")
    again = SingerEmbedder.from_pretrained(tmp_path / "kept", device="cpu")
    scale = np.abs(model.transform(chunked)).max()
    assert_allclose(
        again.transform(chunked), model.transform(chunked), atol=0.01 * scale
    )


class Stop(Callback):
    """Ctrl-C in the second epoch."""

    def on_batch_end(self, net, **kwargs):
        """Interrupt."""
        if len(net.history) == 2:
            raise KeyboardInterrupt


def test_a_fit_that_is_interrupted_keeps_what_it_learned(chunked, singers, on_gpu):
    model = SingerNetClassifier(**on_gpu, callbacks=[Stop()])
    with pytest.warns(UserWarning, match="after 1 of 3 epochs"):
        model.fit(chunked, singers.singers)
    assert model.predict(chunked).shape == (len(chunked),)


def test_the_encoder_hears_as_on_the_cpu(chunked, singers, exact):
    here, there = (
        SingerEmbedder.from_pretrained(device=device, precision="float32")
        for device in ("cpu", "cuda")
    )
    scale = np.abs(here.transform(chunked)).max()
    assert_allclose(
        there.transform(chunked), here.transform(chunked), atol=1e-3 * scale
    )
    heard = [
        VoiceFeatures(device=d, precision="float32").transform(singers.recordings[:2])
        for d in ("cpu", "cuda")
    ]
    for on_cpu, on_gpu in zip(*heard, strict=True):
        assert_allclose(on_gpu, on_cpu, atol=0.01 * np.abs(on_cpu).max())
