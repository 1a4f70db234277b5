import pickle
import signal
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import Pipeline
from skorch.callbacks import Callback

from singerlearn import MelChunker, SingerNetClassifier
from singerlearn.chunks import Chunks


def weights(classifier):
    return torch.cat([p.flatten() for p in classifier.net_.module_.parameters()])


@pytest.fixture(scope="module")
def fitted(chunked, singers):
    net = SingerNetClassifier(
        filters=(8, 16), dense=(32,), aggregation="attention", lr=1e-2, batch_size=8,
        max_epochs=20, synthetic_singers=0, device="cpu", random_state=0, verbose=0,
    )  # fmt: skip
    return net.fit(chunked, singers.singers)


def test_it_learns_its_singers_and_answers_in_their_names(fitted, chunked, singers):
    assert fitted.score(chunked, singers.singers) == 1
    assert_array_equal(fitted.classes_, np.unique(singers.singers))
    assert set(fitted.predict(chunked)) <= set(singers.singers)


def test_a_recording_is_the_mean_over_its_chunks(fitted, chunked):
    per_chunk = fitted.predict_proba_chunks(chunked)
    assert [p.shape for p in per_chunk] == [(len(c), 4) for c in chunked]
    probabilities = fitted.predict_proba(chunked)
    assert_allclose(probabilities, [p.mean(axis=0) for p in per_chunk])
    assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    labels = fitted.predict_chunks(chunked)
    assert_array_equal(labels[0], fitted.classes_[per_chunk[0].argmax(axis=1)])


def test_probabilities_are_the_softmax_of_the_network(fitted, chunked):
    chunks = torch.tensor(np.asarray(chunked[2]))
    with torch.inference_mode():
        logits = fitted.net_.module_.eval()(chunks).numpy().astype(float)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert_allclose(
        fitted.predict_proba_chunks([chunked[2]])[0], expected, rtol=1e-4, atol=1e-6
    )


def test_raw_recordings_and_chunks_give_the_same_answer(fitted, chunked, singers):
    raw = fitted.predict_proba(singers.recordings[:3])
    assert_allclose(raw, fitted.predict_proba(chunked[:3]), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("inference", ["chunks", "dense"])
@pytest.mark.parametrize(("precision", "off"), [("float32", 1e-5), ("bfloat16", 0.02)])
def test_answers_do_not_depend_on_batches_or_neighbours(
    fitted, chunked, inference, precision, off
):
    way = dict(inference=inference, precision=precision)
    other = pickle.loads(pickle.dumps(fitted)).set_params(**way)
    expected = other.predict_proba(chunked)
    order = np.random.RandomState(1).permutation(len(chunked))
    for batch_size in (1, 7, 100):
        other.set_params(batch_size=batch_size)
        answers = other.predict_proba([chunked[i] for i in order])
        assert_allclose(answers, expected[order], rtol=1e-3, atol=off)


@pytest.mark.parametrize(
    "changes",
    [
        {"inference": "Chunks"},
        {"precision": "bf16"},
        {"batch_size": 0},
        {"batch_size": 2.5},
        {"compile": "yes"},
    ],
)
def test_what_is_set_after_fit_is_judged_before_it_is_used(fitted, chunked, changes):
    other = pickle.loads(pickle.dumps(fitted)).set_params(**changes)
    for ask in (other.predict_proba, other.transform, other.attention_weights):
        with pytest.raises(ValueError, match=f"The '{min(changes)}' parameter"):
            ask(chunked)


def test_embeddings_are_named_columns_one_row_a_recording(fitted, chunked):
    table = clone(fitted).set_output(transform="pandas")
    table.__dict__.update({k: v for k, v in vars(fitted).items() if k.endswith("_")})
    frame = table.transform(chunked)
    assert list(frame.columns[:2]) == ["singernetclassifier0", "singernetclassifier1"]
    assert frame.shape == (len(chunked), 32)
    assert_allclose(frame.to_numpy(), fitted.transform(chunked))


def test_attention_weights_sum_to_one_over_the_pooled_frames(fitted, chunked):
    weights = fitted.attention_weights(chunked[:2])
    assert [w.shape for w in weights] == [(len(c), 64) for c in chunked[:2]]
    assert_allclose(weights[0].sum(axis=1), 1, rtol=1e-5)


def test_attention_weights_of_another_aggregation_are_an_error(chunked, singers, tiny):
    net = SingerNetClassifier(**tiny | {"max_epochs": 1})
    net.fit(chunked, singers.singers)
    with pytest.raises(ValueError, match="attention"):
        net.attention_weights(chunked)


def test_pickling_keeps_the_answers_and_no_training_data(fitted, chunked):
    stored = pickle.dumps(fitted)
    assert_array_equal(
        pickle.loads(stored).predict_proba(chunked), fitted.predict_proba(chunked)
    )
    weights = sum(w.nbytes for w in fitted.net_.module_.state_dict().values())
    assert len(stored) < weights + 100_000


def test_one_seed_gives_one_model_bit_for_bit(chunked, singers, tiny):
    state = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    first, second = (
        SingerNetClassifier(early_stopping=True, **tiny).fit(chunked, singers.singers)
        for _ in range(2)
    )
    assert torch.equal(weights(first), weights(second))
    other = SingerNetClassifier(**tiny | {"random_state": 1})
    assert not torch.equal(weights(first), weights(other.fit(chunked, singers.singers)))
    assert torch.equal(state[0], torch.random.get_rng_state())
    assert_array_equal(state[1], np.random.get_state()[1])


def test_doubling_a_weight_is_repeating_the_recording(chunked, singers, tiny):
    y = singers.singers
    times = np.r_[2, np.ones(len(y) - 1, int)]
    weighted = SingerNetClassifier(**tiny).fit(chunked, y, sample_weight=times)
    again = np.repeat(np.arange(len(y)), times)
    repeated = SingerNetClassifier(**tiny).fit([chunked[i] for i in again], y[again])
    assert torch.equal(weights(weighted), weights(repeated))


def test_a_weight_of_zero_is_leaving_the_recording_out(chunked, singers, tiny):
    y = singers.singers
    kept = np.arange(1, len(y))
    tiny |= {"early_stopping": True}
    weighted = SingerNetClassifier(**tiny)
    weighted.fit(chunked, y, sample_weight=np.r_[0, np.ones(len(kept))])
    without = SingerNetClassifier(**tiny).fit([chunked[i] for i in kept], y[kept])
    assert torch.equal(weights(weighted), weights(without))
    assert 0 not in weighted.validation_indices_


def test_weights_that_sum_to_one_recording_but_for_a_rounding_will_do(
    chunked, singers, tiny
):
    times = np.full(12, (1 - 1e-15) / 12)
    assert times.sum() < 1
    net = SingerNetClassifier(**tiny | {"chunks_per_recording": 1})
    net.fit(chunked, singers.singers, sample_weight=times)
    assert {epoch["train_batch_count"] for epoch in net.history_} == {1}


def test_early_stopping_restores_the_best_weights(chunked, singers, tiny):
    seen = {}

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen[len(net.history)] = [
                p.detach().clone() for p in net.module_.parameters()
            ]

    tiny |= dict(max_epochs=8, lr=3e-2, lr_schedule=None, callbacks=[Watch()])
    net = SingerNetClassifier(
        early_stopping=True, min_improvement=0.0, patience=100, **tiny
    ).fit(chunked, singers.singers)
    best = int(np.argmin(net.history_[:, "valid_loss"])) + 1
    assert best < len(net.history_), "else the test would show nothing"
    for p, q in zip(net.net_.module_.parameters(), seen[best], strict=True):
        assert torch.equal(p, q)
    # One recording of each singer was set aside.
    aside = singers.singers[net.validation_indices_]
    assert sorted(aside) == sorted(set(singers.singers))


def test_early_stopping_tests_every_few_epochs_with_patience(chunked, singers, tiny):
    tiny |= dict(max_epochs=30, lr=1e-12, lr_schedule=None)  # so nothing improves
    net = SingerNetClassifier(
        early_stopping=True, check_every=2, patience=6, min_improvement=0.99, **tiny
    ).fit(chunked, singers.singers)
    # The first test, after epoch 2, sets the mark; three more miss it.
    assert len(net.history_) == 8


def test_groups_stay_on_one_side_of_the_inner_split(chunked, singers, tiny):
    with config_context(enable_metadata_routing=True):
        net = SingerNetClassifier(early_stopping=True, **tiny).set_fit_request(
            groups=True
        )
        pipe = Pipeline([("net", net)])
        pipe.fit(chunked, singers.singers, groups=singers.songs)
    aside = net.validation_indices_
    rest = np.setdiff1d(np.arange(len(chunked)), aside)
    assert len(aside) and not set(singers.songs[aside]) & set(singers.songs[rest])


class Interrupt(Callback):
    """Presses Ctrl-C in the middle of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_begin(self, net, training=False, **kwargs):
        if training and len(net.history) == self.epoch:
            # A program that was started in the background would ignore it.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_keeps_what_was_learnt(chunked, singers, tiny):
    net = SingerNetClassifier(**tiny | {"callbacks": [Interrupt(3)]})
    with pytest.warns(UserWarning, match="interrupted after 2 of 3 epochs"):
        net.fit(chunked, singers.singers)
    assert len(net.history_) == 2
    assert net.predict_proba(chunked).shape == (12, 4)


class InterruptAtTheEnd(Interrupt):
    def on_batch_begin(self, net, training=False, **kwargs):
        pass

    def on_epoch_end(self, net, **kwargs):
        super().on_batch_begin(net, training=True)


@pytest.mark.filterwarnings("error")
def test_ctrl_c_between_two_epochs_is_told_and_a_warning_loses_nothing(
    chunked, singers, tiny
):
    net = SingerNetClassifier(**tiny | {"callbacks": [InterruptAtTheEnd(2)]})
    with pytest.raises(UserWarning, match="interrupted after 2 of 3 epochs"):
        net.fit(chunked, singers.singers)
    assert net.predict_proba(chunked).shape == (12, 4)


@pytest.mark.parametrize(
    "setting",
    [
        torch.inference_mode,
        torch.no_grad,
        lambda: torch.autocast("cpu", torch.bfloat16),
    ],
)
def test_the_caller_s_settings_of_torch_change_nothing(chunked, singers, tiny, setting):
    net = SingerNetClassifier(**tiny | {"precision": "float32"})
    expected = net.fit(chunked, singers.singers).predict_proba(chunked)
    with setting():
        again = clone(net).fit(chunked, singers.singers).predict_proba(chunked)
    assert_array_equal(again, expected)


def test_torch_may_be_set_to_double_precision(chunked, singers, tiny):
    torch.set_default_dtype(torch.float64)
    try:
        net = SingerNetClassifier(**tiny).fit(chunked, singers.singers)
        assert net.predict_proba(chunked).dtype == np.float32
        starts = dict(max_epochs=1, device="cpu", verbose=0)
        SingerNetClassifier.from_pretrained(**starts).fit(chunked, singers.singers)
    finally:
        torch.set_default_dtype(torch.float32)


def test_ctrl_c_before_the_first_epoch_is_done_stops_the_program(
    chunked, singers, tiny
):
    net = SingerNetClassifier(**tiny | {"callbacks": [Interrupt(1)]})
    with pytest.raises(KeyboardInterrupt):
        net.fit(chunked, singers.singers)
    with pytest.raises(NotFittedError):
        net.predict(chunked)


def test_a_fit_that_does_not_end_leaves_the_model_before(chunked, singers, tiny):
    net = SingerNetClassifier(**tiny).fit(chunked[:6], singers.singers[:6])
    before = net.predict_proba(chunked)
    others = np.char.add("not ", singers.singers)
    with pytest.raises(KeyboardInterrupt):
        net.set_params(callbacks=[Interrupt(1)]).fit(chunked, others)
    with pytest.raises(ValueError, match="diverged"):
        net.set_params(callbacks=None, lr=1e30).fit(chunked, others)
    assert set(net.classes_) == set(singers.singers[:6])
    assert_array_equal(net.predict_proba(chunked), before)


def test_fits_in_threads_are_those_of_their_seeds(chunked, singers, tiny):
    def fit(seed):
        net = SingerNetClassifier(**tiny | {"random_state": seed, "dropout": 0.5})
        return net.fit(chunked, singers.singers).predict_proba(chunked)

    state = torch.get_rng_state()
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(fit, (0, 1, 0)))
    assert_array_equal(torch.get_rng_state(), state)
    assert_array_equal(together[0], together[2])
    assert_array_equal(together[1], fit(1))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"chunker": "mel"}, "'chunker' parameter .* implementing 'transform'"),
        ({"chunker": MelChunker}, r"give an instance: MelChunker\(\)"),
        ({"callbacks": ["log"]}, "callbacks holds 'log', no skorch callback"),
    ],
)
def test_wrong_parts_are_named(singers, tiny, parameters, message):
    with pytest.raises(ValueError, match=message):
        SingerNetClassifier(**tiny | parameters).fit(
            singers.recordings, singers.singers
        )


def test_logarithms_of_probabilities(chunked, singers, tiny):
    net = SingerNetClassifier(**tiny).fit(chunked, singers.singers)
    logs = net.predict_log_proba(chunked)
    assert_allclose(np.exp(logs), net.predict_proba(chunked), rtol=1e-6)


def test_progress_is_one_line_and_verbose_0_is_silent(chunked, singers, tiny, capfd):
    SingerNetClassifier(**tiny).fit(chunked, singers.singers)
    assert capfd.readouterr() == ("", "")
    SingerNetClassifier(**tiny | {"verbose": 1}).fit(chunked, singers.singers)
    out, err = capfd.readouterr()
    assert out == "" and "3/3" in err and "train=" in err and err.count("\n") == 1


def test_a_diverging_training_says_so(chunked, singers, tiny):
    net = SingerNetClassifier(**tiny | {"lr": 1e30, "lr_schedule": None})
    with pytest.raises(ValueError, match="diverged in epoch .*; lower lr"):
        net.fit(chunked, singers.singers)


def test_a_training_that_diverges_in_its_last_step_says_so(chunked, singers, tiny):
    tiny |= {"lr": 1e30, "lr_schedule": None, "max_epochs": 1, "batch_size": 100}
    with pytest.raises(ValueError, match="diverged in epoch 1"):
        SingerNetClassifier(**tiny).fit(chunked, singers.singers)


def test_out_of_memory_names_the_batch_that_fits(chunked, singers, tiny):
    class Small(Callback):
        def on_train_begin(self, net, **kwargs):
            forward = net.module_.forward

            def limited(x):
                if len(x) > 5:
                    raise torch.OutOfMemoryError("full")
                return forward(x)

            net.module_.forward = limited

    net = SingerNetClassifier(**tiny | {"callbacks": [Small()], "batch_size": 16})
    with pytest.raises(
        ValueError, match="batch_size=16 does not fit .* batch_size=4 does"
    ):
        net.fit(chunked, singers.singers)


def test_chunks_made_in_another_way_are_refused(fitted, singers):
    other = MelChunker(hop_length=256).fit_transform(singers.recordings[:1])
    with pytest.raises(ValueError, match="hop_length is 256 but was 512"):
        fitted.predict(other)


def test_the_papers_regime_to_the_letter():
    net = SingerNetClassifier.paper(block="vanilla")
    expected = dict(
        block="vanilla", filters=(64, 128), aggregation="attention", lr=1e-4,
        lr_schedule=None, weight_decay=1e-6, batch_size=32, dropout=0.1,
        dense=(1024, 1024, 1024), early_stopping=True, check_every=50, patience=300,
        downsampling="max-pool", head_norm=False,
        min_improvement=0.005,
    )  # fmt: skip
    assert expected.items() <= net.get_params().items()


def test_the_papers_regime_trains(chunked, singers, tiny):
    small = {k: v for k, v in tiny.items() if k not in ("lr", "batch_size")}
    net = SingerNetClassifier.paper(**small, check_every=2)
    net.fit(chunked, singers.singers)
    assert {group["lr"] for group in net.net_.optimizer_.param_groups} == {1e-4}
    assert {g["weight_decay"] for g in net.net_.optimizer_.param_groups} == {1e-6}
    assert isinstance(net.net_.optimizer_, torch.optim.Adam)


def pipeline(tiny):
    return Pipeline([("chunks", MelChunker()), ("net", SingerNetClassifier(**tiny))])


def test_cross_val_score_over_ten_folds(tiny):
    from singerlearn.datasets import make_singers

    X, y = make_singers(2, 10, duration=6.5, random_state=0, return_X_y=True)
    scores = cross_val_score(pipeline(tiny | {"max_epochs": 6}), X, y, cv=10)
    assert scores.shape == (10,) and scores.mean() > 0.7


def test_a_search_over_aggregations_in_two_processes(singers, tiny):
    search = GridSearchCV(
        pipeline(tiny), {"net__aggregation": ["average", "attention"]}, cv=3, n_jobs=2
    )
    search.fit(singers.recordings, singers.singers)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert set(search.predict(singers.recordings)) <= set(singers.singers)


def test_set_params_and_clone_reach_into_the_pipeline(tiny):
    pipe = clone(pipeline(tiny)).set_params(net__lr=0.5, chunks__n_mels=40)
    assert pipe["net"].lr == 0.5 and pipe["chunks"].n_mels == 40
    assert pipe["net"].get_params()["filters"] == (8, 16)


def test_a_pipeline_is_pickled_and_returned_by_cross_validate(singers, tiny):
    result = cross_validate(
        pipeline(tiny), singers.recordings, singers.singers, cv=2, return_estimator=True
    )
    stored = pickle.loads(pickle.dumps(result["estimator"][0]))
    assert stored.predict(singers.recordings[:2]).shape == (2,)


def test_fit_neither_warns_nor_changes_parameters(chunked, singers, tiny):
    net = SingerNetClassifier(**tiny)
    before = net.get_params()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.fit(chunked, singers.singers)
    assert net.get_params() == before


def test_dense_inference_says_nearly_what_chunks_say(fitted, chunked, singers):
    dense = clone(fitted).set_params(inference="dense")
    dense.__dict__.update({k: v for k, v in vars(fitted).items() if k.endswith("_")})
    for by_chunk, densely in zip(
        fitted.predict_proba_chunks(chunked),
        dense.predict_proba_chunks(chunked),
        strict=True,
    ):
        assert by_chunk.shape == densely.shape
        assert 0 < np.abs(by_chunk - densely).max() < 0.25
    assert_array_equal(dense.predict(chunked), fitted.predict(chunked))
    assert dense.transform(chunked).shape == fitted.transform(chunked).shape
    assert dense.attention_weights(chunked)[0].shape[1] == 64


def test_bfloat16_trains_and_answers_nearly_as_float32_does(chunked, singers, tiny):
    losses, answers = [], []
    for precision in ("float32", "bfloat16"):
        net = SingerNetClassifier(**tiny, precision=precision)
        net.fit(chunked[:6], singers.singers[:6])
        losses.append(net.history_[:, "train_loss"])
        net.set_params(precision="float32")
        exact = net.predict_proba(chunked[:3])
        net.set_params(precision="bfloat16")
        answers.append((exact, net.predict_proba(chunked[:3])))
        assert net.net_.module_.output.weight.dtype is torch.float32
    assert_allclose(losses[0], losses[1], rtol=0.1)
    for exact, rounded in answers:
        assert_allclose(rounded, exact, atol=0.05)
        assert not np.array_equal(rounded, exact)


def test_keeping_memory_changes_no_bit(chunked, singers, tiny):
    kept, returned = (
        SingerNetClassifier(**tiny, keep_memory=keep).fit(
            chunked[:6], singers.singers[:6]
        )
        for keep in (True, False)
    )
    assert torch.equal(weights(kept), weights(returned))


def test_weights_have_to_leave_two_singers(chunked, singers, tiny):
    with pytest.raises(ValueError, match="sample_weight leaves .* fewer than two"):
        SingerNetClassifier(**tiny).fit(
            chunked, singers.singers, sample_weight=singers.singers == "singer01"
        )


def test_lowering_the_batch_lowers_what_is_read_at_once(chunked, singers, tiny):
    net = SingerNetClassifier(**tiny).fit(chunked, singers.singers)
    at_once = []
    net.net_.module_.output.register_forward_hook(
        lambda module, given, output: at_once.append(len(output))
    )
    net.set_params(batch_size=3).predict(chunked)
    assert max(at_once) == 3


def test_chunks_that_say_how_they_were_made_are_not_those_that_do_not(tiny, rng):
    def cut(front_end):
        return [Chunks(1 + rng.rand(16, 40), 16, 5, front_end) for _ in range(4)]

    net = SingerNetClassifier(**tiny).fit(cut(None), list("aabb"))
    with pytest.raises(ValueError, match="spectrogram is mel but was None"):
        net.predict(cut({"spectrogram": "mel"}))
