import copy
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from shutil import copytree

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, normalize

from singerlearn import MelChunker, SingerEmbedder, SingerNetClassifier
from singerlearn.chunks import Chunks
from singerlearn.device import seeded_torch
from singerlearn.metrics import leave_one_out_predict
from singerlearn.pretrained import ENCODERS, SHIPPED, read_card


@pytest.fixture(scope="module", params=["contrastive", "margin-softmax"])
def kept(request, chunked, singers, tmp_path_factory):
    """A fitted embedder, and the folder in which it is kept."""
    embedder = SingerEmbedder(
        4, request.param, filters=(4, 8), downsampling=("stride", "max-pool"),
        aggregation="statistics", head_norm=True, max_epochs=1, device="cpu",
        chunks_per_recording=2, random_state=0, verbose=0,
    )  # fmt: skip
    embedder.fit(chunked, singers.singers)
    folder = tmp_path_factory.mktemp("kept") / "encoder"
    embedder.save_pretrained(folder, trained_on="four synthetic singers")
    return embedder, folder


def test_an_embedder_that_was_kept_embeds_as_before(kept, chunked, singers):
    embedder, folder = kept
    again = SingerEmbedder.from_pretrained(folder, device="cpu", verbose=0)
    assert_array_equal(again.transform(chunked), embedder.transform(chunked))
    # From raw recordings, too.
    assert_allclose(
        again.transform(singers.recordings[:2]), embedder.transform(chunked[:2]),
        atol=1e-5,
    )  # fmt: skip
    assert_array_equal(again.get_feature_names_out(), embedder.get_feature_names_out())
    card = json.loads((folder / "card.json").read_text())
    assert card["trained_on"] == "four synthetic singers"
    assert card["parameters"]["filters"] == [4, 8] and card["shape"] == [96, 256]


def test_a_card_tells_what_the_network_was_fitted_with(kept, chunked, tmp_path):
    embedder, _ = kept
    expected = embedder.transform(chunked)
    other = copy.deepcopy(embedder).set_params(loss="triplet", n_cepstra=5)
    other.save_pretrained(tmp_path)
    again = SingerEmbedder.from_pretrained(tmp_path, device="cpu", verbose=0)
    assert again.loss == embedder.loss and again.n_cepstra is None
    assert_allclose(again.transform(chunked), expected, rtol=1e-4, atol=1e-5)
    again.set_params(dropout=0.5).save_pretrained(tmp_path / "twice")
    assert (
        read_card(tmp_path / "twice")["parameters"]
        == (read_card(tmp_path)["parameters"])
    )


def test_a_card_that_cannot_be_written_leaves_what_was_there(kept, tmp_path):
    embedder, folder = kept
    copytree(folder, tmp_path / "encoder")
    before = {f.name: f.read_bytes() for f in folder.iterdir()}
    for about, error in (
        ({"accuracy": {1, 2}}, "a card holds numbers, words and lists, not {1, 2}"),
        ({"shape": "big"}, "the card says 'shape' itself"),
    ):
        with pytest.raises((TypeError, ValueError), match=error):
            embedder.save_pretrained(tmp_path / "encoder", **about)
    assert before == {f.name: f.read_bytes() for f in (tmp_path / "encoder").iterdir()}
    embedder.save_pretrained(
        tmp_path / "encoder", accuracy=np.float32(0.5), singers=np.array(["Ann"])
    )
    card = read_card(tmp_path / "encoder")
    assert (card["accuracy"], card["singers"]) == (0.5, ["Ann"])


def test_fit_goes_on_from_there_and_so_do_clones(kept, chunked, singers):
    embedder, folder = kept
    start = SingerEmbedder.from_pretrained(
        folder, device="cpu", verbose=0, lr=1e-12, lr_schedule=None, max_epochs=1,
        chunks_per_recording=1,
    )  # fmt: skip
    weights = embedder.net_.module_.state_dict()
    moved = clone(start).fit(chunked, singers.singers).net_.module_.state_dict()
    for name, value in weights.items():
        if "running" not in name and "num_batches" not in name:
            assert_allclose(moved[name], value, atol=1e-9)
    nearest = make_pipeline(start, KNeighborsClassifier(1))
    assert cross_val_score(nearest, chunked, singers.singers, cv=3).shape == (3,)


def test_a_classifier_starts_from_there_with_an_output_of_its_own(
    kept, chunked, singers
):
    embedder, folder = kept
    start = SingerNetClassifier.from_pretrained(
        folder, device="cpu", verbose=0, lr=1e-12, lr_schedule=None, max_epochs=1,
        chunks_per_recording=1, stretches=(1.1,), synthetic_singers=0,
    )  # fmt: skip
    assert start.get_params()["filters"] == [4, 8]
    assert start.chunker.chunk_frames == 256
    with pytest.raises(NotFittedError):
        start.predict(chunked)
    weights = embedder.net_.module_.state_dict()
    moved = clone(start).fit(chunked, singers.singers).net_.module_.state_dict()
    for name, value in weights.items():
        if name.startswith("output"):
            assert len(moved[name]) == 2 * len(set(singers.singers))
        elif "running" not in name and "num_batches" not in name:
            assert_allclose(moved[name], value, atol=1e-9)
    with pytest.raises(ValueError, match="built otherwise than pretrained=.* differs"):
        clone(start).set_params(dense=(3,)).fit(chunked, singers.singers)
    with pytest.raises(ValueError, match="built otherwise than pretrained=.* differs"):
        clone(start).set_params(head_norm=False).fit(chunked, singers.singers)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("card.json", "{", r"card.json is no card of a network: JSONDecodeError"),
        ("card.json", "[]", "is no card of a network: TypeError"),
        ("card.json", '{"parameters": {}}', "KeyError.'front_end'"),
        (
            "card.json",
            '{"parameters": {}, "front_end": null, "shape": [9, 25], "hop_frames": 5}',
            "it lacks 'block'",
        ),
        ("weights.safetensors", "nothing", r"weights.safetensors cannot be read"),
    ],
)
def test_damaged_files_are_named(kept, tmp_path, name, content, message):
    folder = copytree(kept[1], tmp_path / "damaged")
    (folder / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        SingerEmbedder.from_pretrained(folder)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"shape": [96]}, r"its shape \[96\] is not a number of bands"),
        ({"shape": ["a", 256]}, "not a number of bands"),
        ({"shape": [96, 0]}, "not a number of bands"),
        ({"hop_frames": None}, "it lacks 'hop_frames'"),
        ({"hop_frames": 0}, "lie 0 frames apart"),
        ({"front_end": "mel"}, "it lacks 'front_end'"),
        ({"front_end": {"spectrogram": ["mel"]}}, "has no spectrogram"),
        (
            {"front_end": {"spectrogram": "mel", "warp": 2}},
            "'warp' of its front end is unknown to singerlearn",
        ),
        (
            {"front_end": {"spectrogram": "mel", "chunk_frames": 9}},
            "'chunk_frames' of its front end is unknown",
        ),
    ],
)
def test_cards_that_were_tampered_with_are_refused(kept, tmp_path, changes, message):
    folder = copytree(kept[1], tmp_path / "tampered")
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | changes))
    with pytest.raises(ValueError, match=f"card.json is no card .*{message}"):
        SingerEmbedder.from_pretrained(folder)


def test_the_encoder_that_comes_with_the_library_knows_new_voices(singers):
    encoder = SingerEmbedder.from_pretrained(device="cpu", verbose=0)
    assert encoder.get_params()["pretrained"] == "synthetic-singers"
    embedded = encoder.transform(singers.recordings)
    assert embedded.shape == (12, 64)
    assert encoder.score(singers.recordings, singers.singers) > 0.9
    names = leave_one_out_predict(Normalizer().transform(embedded), singers.singers)
    assert np.mean(names == singers.singers) > 0.8  # by chance 0.18


def test_its_hidden_layer_is_wider(chunked):
    encoder = SingerEmbedder.from_pretrained(device="cpu", layer="hidden")
    hidden = encoder.transform_chunks(chunked[:2])
    with torch.inference_mode():
        module = encoder.net_.module_
        expected = module.embed(torch.tensor(np.asarray(chunked[0])))
        out = module.output(torch.tensor(hidden[1]))
    assert_allclose(hidden[0], expected, atol=1e-4)
    assert encoder.transform(chunked[:2]).shape == (2, 3072)
    assert len(encoder.get_feature_names_out()) == 3072
    outputs = encoder.set_params(layer="output").transform_chunks(chunked[:2])
    assert_allclose(normalize(out), outputs[1], atol=1e-4)
    assert len(encoder.get_feature_names_out()) == 64


def test_its_card_tells_the_truth():
    card = read_card()
    assert card["trained_on"] == "12000 synthetic singers, no recording"
    assert {"command", "seed", "machine", "limits", "license"} <= set(card)
    files = ENCODERS[SHIPPED].iterdir()
    assert sum(file.stat().st_size for file in files) < 4e6


def test_what_does_not_fit_is_an_error(kept, chunked, singers, tiny, tmp_path):
    _, folder = kept
    with pytest.raises(FileNotFoundError, match="no pretrained network 'nowhere'"):
        SingerEmbedder.from_pretrained("nowhere")
    with pytest.raises(ValueError, match="built otherwise than pretrained=.* differs"):
        SingerEmbedder.from_pretrained(folder, n_components=5)
    with pytest.raises(ValueError, match="built otherwise .* .n_cepstra differs"):
        SingerEmbedder.from_pretrained(n_cepstra=24)
    bare = SingerEmbedder(**tiny | {"aggregation": "average"})
    bare.fit(chunked, singers.singers).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="built otherwise .* .aggregation differs"):
        SingerEmbedder.from_pretrained(tmp_path, aggregation="max")
    with pytest.raises(ValueError, match="'layer' parameter .* must be"):
        SingerEmbedder.from_pretrained().set_params(layer="last").transform(chunked)
    other = MelChunker(n_mels=40).fit_transform(singers.recordings)
    start = SingerEmbedder.from_pretrained(folder, verbose=0)
    with pytest.raises(ValueError, match="n_mels is 40 but was 96"):
        start.transform(other)
    with pytest.raises(ValueError, match="n_mels is 40 but was 96"):
        clone(start).set_params(chunker=None).fit(other, singers.singers)


def test_who_only_loads_a_network_waits_for_nobody(kept, tmp_path):
    kept[0].save_pretrained(tmp_path)
    state = torch.get_rng_state()
    with ThreadPoolExecutor(1) as pool, seeded_torch(0, "cpu"):
        again = pool.submit(
            type(kept[0]).from_pretrained, tmp_path, device="cpu"
        ).result(timeout=60)
    assert torch.equal(torch.get_rng_state(), state)
    own, loaded = (model.net_.module_.state_dict() for model in (kept[0], again))
    assert own.keys() == loaded.keys()
    assert all(torch.equal(own[name], loaded[name]) for name in own)


def test_a_full_disk_is_told_as_one(kept, tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    expected = rf"{re.escape(str(tmp_path))}.* cannot be written: .*No space left"
    with pytest.raises(OSError, match=expected):
        kept[0].save_pretrained(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="has other rights")
def test_whoever_may_read_files_may_read_it(kept, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    before = os.umask(0o022)
    try:
        kept[0].save_pretrained("~/voices")
    finally:
        os.umask(before)
    files = list((tmp_path / "voices").iterdir())
    assert [file.stat().st_mode & 0o777 for file in files] == [0o644] * 2
    type(kept[0]).from_pretrained("~/voices", device="cpu")


def test_parameters_of_other_front_ends_come_back(singers, tmp_path):
    embedder = SingerEmbedder(
        4, filters=(4, 8),
        chunker=MelChunker(n_mels=40, chunk_frames=100, hop_frames=13),
        max_epochs=1, chunks_per_recording=1, device="cpu", random_state=0, verbose=0,
    )  # fmt: skip
    embedder.fit(singers.recordings, singers.singers).save_pretrained(tmp_path)
    again = SingerEmbedder.from_pretrained(tmp_path, device="cpu")
    recordings = singers.recordings[:2]
    assert_array_equal(again.transform(recordings), embedder.transform(recordings))
    assert np.isfinite(again.transform(recordings)).all()


def test_chunks_of_ones_own_come_back_as_chunks(chunked, singers, tmp_path):
    own = [
        Chunks(c.spectrogram, c.chunk_frames, 128, front_end={"spectrogram": "mine"})
        for c in chunked
    ]
    embedder = SingerEmbedder(
        4, "contrastive", filters=(4, 8), max_epochs=1, chunks_per_recording=1,
        stretches=(), device="cpu", random_state=0, verbose=0,
    )  # fmt: skip
    embedder.fit(own, singers.singers).save_pretrained(tmp_path)
    again = SingerEmbedder.from_pretrained(tmp_path, device="cpu")
    assert_array_equal(again.transform(own[:2]), embedder.transform(own[:2]))
    with pytest.raises(ValueError, match="mine"):
        again.transform(singers.recordings[:2])


def test_a_card_keeps_what_was_when_it_was_fitted(chunked, singers, tmp_path):
    given = {"temperature": 0.2}
    embedder = SingerEmbedder(
        4, loss_params=given, filters=(4, 8), max_epochs=1, chunks_per_recording=1,
        synthetic_singers=0, device="cpu", random_state=0, verbose=0,
    )  # fmt: skip
    embedder.fit(chunked, singers.singers)
    expected = embedder.transform(chunked)
    given["temperature"] = 0.7
    embedder.set_params(loss="triplet")
    assert_array_equal(embedder.transform(chunked), expected)
    embedder.save_pretrained(tmp_path)
    assert read_card(tmp_path)["parameters"]["loss_params"] == {"temperature": 0.2}


def test_a_card_from_before_a_parameter_came_has_its_default(tmp_path):
    copytree(ENCODERS[SHIPPED], tmp_path, dirs_exist_ok=True)
    card = json.loads((tmp_path / "card.json").read_text())
    for name in ("fmin", "fmax"):
        del card["front_end"][name]
    (tmp_path / "card.json").write_text(json.dumps(card))
    assert read_card(tmp_path)["front_end"] == MelChunker().front_end


def test_a_loss_to_train_on_with_changes_no_embedding(chunked):
    as_it_is, to_train = (
        SingerEmbedder.from_pretrained(device="cpu", **loss).transform(chunked)
        for loss in ({}, {"loss": "contrastive"})
    )
    assert_array_equal(to_train, as_it_is)


def test_a_card_that_cannot_be_written_leaves_no_folder(kept, tmp_path):
    with pytest.raises(UnicodeEncodeError):
        kept[0].save_pretrained(tmp_path / "voices", trained_on=["\udcff"])
    assert not (tmp_path / "voices").exists()
