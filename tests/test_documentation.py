"""The way of a new user: the README's lines, the guide's, and the demo."""

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
import soundfile as sf

ROOT = Path(__file__).resolve().parents[1]


def python_blocks(path):
    return re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.S)


def literal_blocks(path):
    """The indented blocks after a double colon, where they are no text for a reader."""
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"::\n\n((?:    .*\n|\n)+)", text)
    return [dedent(block) for block in blocks if not block.startswith("    ValueError")]


@pytest.fixture(scope="module")
def folder(singers, tmp_path_factory):
    """The recordings of `singers`, as a user keeps them: <singer>/<song>.wav."""
    root = tmp_path_factory.mktemp("recordings")
    for y, singer, song in zip(
        singers.recordings, singers.singers, singers.songs, strict=True
    ):
        (root / singer).mkdir(exist_ok=True)
        sf.write(root / singer / f"{song}.wav", y, singers.sampling_rate)
    return root


def run(*command, cwd):
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_lines_of_the_readme_run(folder, tmp_path):
    code = python_blocks(ROOT / "README.md")[0]
    # As it stands, but for a network and a number of folds that a test can wait for.
    code = code.replace(
        "SingerNetClassifier()",
        "SingerNetClassifier(filters=(8, 16), dense=(32,), max_epochs=2)",
    ).replace("cv=5", "cv=3")
    (tmp_path / "recordings").symlink_to(folder)
    (tmp_path / "new_recording.wav").symlink_to(next(folder.glob("singer02/*.wav")))
    (tmp_path / "readme.py").write_text(code)
    score, named = run("readme.py", cwd=tmp_path).splitlines()
    assert 0 <= float(score) <= 1 and re.fullmatch(r"\['singer0\d'\]", named)


def test_the_other_lines_of_the_readme_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = {}
    for code in python_blocks(ROOT / "README.md")[1:]:
        exec(compile(code, "README.md", "exec"), known)


def test_the_lines_of_the_guide_run_one_after_the_other(tmp_path, monkeypatch):
    from singerlearn import SingerEmbedder, SingerNetClassifier, nn
    from singerlearn.datasets import make_singers

    # As they stand, but for networks that a test can wait for, and fewer singers.
    small = dict(filters=(4, 8), max_epochs=1, chunks_per_recording=1, verbose=0)
    small |= dict(stretches=(), synthetic_singers=0)
    for net in (SingerNetClassifier, SingerEmbedder):
        for name, value in small.items():
            monkeypatch.setitem(net.__init__.__kwdefaults__, name, value)
    monkeypatch.setitem(nn.AGGREGATIONS, "median", None)  # and gone again, after
    folders = {
        "recordings": ["Ann", "Bob", "Cid", "Dora", "Eve"],
        "new_singers": ["Fay", "Gus", "Hal"],
        "held_out": ["Ida"],
        "others": ["Jo"],
    }
    where = [(folder, name) for folder, names in folders.items() for name in names]
    sung = make_singers(len(where), 6, duration=6.5, random_state=0)
    for i, y in enumerate(sung.recordings):
        (place, singer), song = where[i // 6], i % 6
        if song == 5 and place == "new_singers":
            place = "held_out"
        path = tmp_path / place / singer / f"song{song}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, y, sung.sampling_rate)
    (tmp_path / "new_recording.wav").symlink_to(path)
    monkeypatch.chdir(tmp_path)
    known = {"__name__": "guide"}
    for code in literal_blocks(ROOT / "docs" / "guide.rst"):
        code = code.replace("NewSingerFolds(5)", "NewSingerFolds(2)")
        exec(compile(code, "guide.rst", "exec"), known)
    assert len(known["best"]) == 9 and known["places"].shape == (1, 3)


def test_the_table_of_imports_is_the_one_that_holds():
    from test_architecture import ROOMS

    told = {}
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for files, imports in re.findall(r"^\| (`.*) \| (.*) \|$", text, re.M):
        for room in re.findall(r"`(\w+)/?`", files):
            told[room] = set(re.findall(r"`(\w+)`", imports))
    assert told == ROOMS


def test_the_demo_on_the_users_own_folder(folder, tmp_path):
    output = tmp_path / "pictures"
    printed = run(
        ROOT / "examples" / "demo.py", folder, "--output", output, "--max-epochs", 1,
        cwd=tmp_path,
    )  # fmt: skip
    assert "12 recordings of 4 singers, 3 folds" in printed
    assert re.search(r"^SVM .*0\.\d{3} ± 0\.\d{3}|1\.000", printed, re.M)
    assert {p.name for p in output.iterdir()} == {
        "attention.png", "confusion_matrix.png", "embedding.png",
        "learning_curve.png", "neighbours.png",
    }  # fmt: skip
    assert str(output) in printed


def test_the_demo_needs_two_recordings_of_each_singer(folder, tmp_path):
    root = tmp_path / "few"
    for singer, songs in [("singer01", (1, 2)), ("singer02", (2, 3))]:
        (root / singer).mkdir(parents=True)
        for song in songs:
            (root / singer / f"song0{song}.wav").symlink_to(
                folder / singer / f"song0{song}.wav"
            )
    demo = ROOT / "examples" / "demo.py"
    printed = run(demo, root, "--max-epochs", 1, cwd=tmp_path)
    assert "4 recordings of 2 singers, 2 folds" in printed
    (root / "singer02" / "song02.wav").unlink()
    done = subprocess.run(
        [sys.executable, demo, root], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert "two recordings of each singer; 'singer02' has one" in done.stderr


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("demo.py", "nowhere"), "nowhere"),
        (("demo.py", "--max-epochs", "0"), "--max-epochs must be 1 or more"),
        (("search_hyperparameters.py", "--trials", "0"), "a trial"),
        (("search_hyperparameters.py", "--singers", "1"), "two singers"),
    ],
)
def test_examples_say_what_is_wrong_with_a_command(tmp_path, command, message):
    name, *options = command
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / name, *options],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert message in done.stderr
