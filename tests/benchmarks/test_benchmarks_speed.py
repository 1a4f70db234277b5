"""The tables of speed: their shape, and that like is compared with like; no times."""

import json
from functools import partial

import numpy as np
import pytest


def test_the_table_of_a_quick_run(command, tmp_path):
    printed = command(
        "speed", "--quick", "--repeats", 2, "--rows", "log-mel", "features",
        "--output", tmp_path / "new",
    )  # fmt: skip
    written = (tmp_path / "new" / "speed.md").read_text(encoding="utf-8")
    assert printed.endswith(written + "\n")
    header, rule, *rows = [
        line.strip("| ").split(" | ")
        for line in written.splitlines()
        if line.startswith("|")
    ]
    assert header == ["what", "against", "goal", "measured", "remarks"]
    assert [row[0] for row in rows] == [
        "waveform → log-Mel, one thread",
        "hand-crafted features of a recording",
    ]
    figures = json.loads((tmp_path / "new" / "speed.json").read_text())
    assert figures["machine"] in printed and "--quick" in figures["command"]
    for row, figure in zip(rows, figures["rows"], strict=True):
        assert len(figure["ratios"]) == 2 and min(figure["ratios"]) > 0
        assert row[3] == "{:.3g} ({:.3g} to {:.3g})".format(
            np.mean(figure["ratios"]), *sorted(figure["ratios"])
        )


def test_contenders_come_in_turn_and_a_warm_up_counts_for_nobody():
    from timing import in_turn, ratios

    called = []

    def contender(name, seconds):
        called.append(name)
        return next(seconds), name.upper()

    contenders = {
        "ours": partial(contender, "ours", iter([100.0, 1.0, 2.0])),
        "theirs": partial(contender, "theirs", iter([0.1, 3.0, 8.0])),
    }
    rounds = in_turn(contenders, repeats=2)
    assert called == ["ours", "theirs"] * 3
    assert rounds["ours"] == [(1.0, "OURS"), (2.0, "OURS")]
    assert ratios(rounds, "theirs", "ours") == [3.0, 4.0]


def test_plain_training_sees_the_same_chunks_in_the_same_order():
    from speed_networks import synthetic, train, train_plainly

    from singerlearn import SingerNetClassifier

    chunks, y = synthetic(4, 256 + 51)
    model = SingerNetClassifier.paper(
        filters=(4, 8), dense=(), dropout=0.0, max_epochs=2, batch_size=3,
        early_stopping=False, device="cpu", random_state=0, verbose=0,
    )  # fmt: skip
    _, ours = train(model, chunks, y, "float32", compile=False)
    _, plain = train_plainly(model, chunks, y)
    np.testing.assert_allclose(ours, plain, rtol=1e-3)
    _, otherwise = train_plainly(model.set_params(random_state=1), chunks, y)
    assert not np.allclose(ours, otherwise, rtol=1e-2)


def test_plain_prediction_says_the_same():
    from speed_networks import predict, predict_plainly, synthetic

    from singerlearn import SingerNetClassifier

    chunks, y = synthetic(2, 256 + 2 * 51)
    model = SingerNetClassifier(
        filters=(4, 8), max_epochs=1, precision="float32", device="cpu",
        random_state=0, verbose=0,
    ).fit(chunks, y)  # fmt: skip
    _, ours = predict(model, chunks, "chunks", compile=False)
    _, plain = predict_plainly(model, chunks, 2)
    np.testing.assert_allclose(ours, plain, atol=1e-5)


def test_frames_of_clips_are_those_of_the_recording(singers):
    from speed_audio import frame_difference

    assert frame_difference(singers.recordings[0]) < 1e-5


def test_without_a_gpu_one_line_says_so(command, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SystemExit, match="^benchmarks/gpu.py needs a GPU with CUDA"):
        command("gpu")


@pytest.mark.parametrize("block", ["resnext", "vanilla"])
def test_operations_are_those_of_the_layers(block):
    import torch
    from arithmetic import operations
    from speed_networks import synthetic

    from singerlearn.nn import SingerNet

    costs = []
    network = dict(block=block, aggregation="attention")
    net = SingerNet(96, 256, 46, **network)
    for layer in net.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.register_forward_hook(
                lambda layer, _, output: costs.append(
                    2 * output.numel() * layer.weight[0].numel()
                )
            )
    with torch.no_grad():
        net(torch.zeros(1, 96, 256))
    ((chunks,), _) = synthetic(1, 256 + 31 * 51)
    found = operations(chunks, "cpu", **network)
    # Attention itself costs a few thousandths.
    np.testing.assert_allclose(found.alone, sum(costs), rtol=0.005)
    np.testing.assert_allclose(found.training, 3 * sum(costs) - costs[0], rtol=0.005)
    assert found.dense < 0.5 * found.alone < found.overlapping < 0.9 * found.alone


def test_growth_is_the_exponent():
    from scale import growth

    rows = [{"recordings": n, "fit, s": 0.5 * n**2} for n in (10, 100, 1000)]
    first, *others = growth(rows, "fit, s")
    assert first is None
    np.testing.assert_allclose(others, 2)
