import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "singerlearn"

# What each room may import of ours; a folder's files may import one another.
ROOMS = {
    "__init__": set(),
    "audio": set(),
    "spectrogram": set(),
    "chunks": set(),
    "labels": set(),
    "nn": set(),
    "metrics": {"labels"},
    "model_selection": {"audio", "labels"},
    "store": set(),
    "features": {"audio", "spectrogram", "chunks", "store"},
    "augmentation": set(),
    "identities": {"synthesis"},
    "pretrained": {"__init__", "features"},
    "batches": {"augmentation"},
    "paper": set(),
    "partners": {"batches", "labels"},
    "callbacks": set(),
    "skorch_net": {"device"},
    "device": set(),
    "memory": set(),
    "inference": {"batches", "chunks"},
    "inner_split": {"labels"},
    "training": {
        "augmentation",
        "batches",
        "callbacks",
        "chunks",
        "device",
        "features",
        "identities",
        "inference",
        "inner_split",
        "memory",
        "nn",
        "partners",
        "pretrained",
        "skorch_net",
        "synthesis",
    },
    "classifier": {
        "batches",
        "chunks",
        "features",
        "labels",
        "paper",
        "partners",
        "training",
    },
    "embedder": {
        "chunks",
        "features",
        "inner_split",
        "labels",
        "nn",
        "paper",
        "partners",
        "pretrained",
        "training",
    },
    "baseline": {"chunks", "features", "labels"},
    "backends": {"chunks", "labels"},
    "voices": {
        "backends",
        "chunks",
        "embedder",
        "features",
        "labels",
        "pretrained",
        "store",
    },
    "display": {"labels", "metrics"},
    "synthesis": {"spectrogram"},
    "datasets": {"audio", "synthesis"},
}
# Third parties that belong to one room, or to few.
KEEPERS = {
    "soundfile": {"audio"},
    "av": {"audio"},
    "soxr": {"audio"},
    "filelock": {"store"},
    "safetensors": {"pretrained"},
    "skorch": {"callbacks", "skorch_net", "training"},
    "torch": {
        "nn",
        "augmentation",
        "batches",
        "device",
        "inference",
        "memory",
        "skorch_net",
        "training",
        "classifier",
    },
}


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """Absolute names of the modules that a file imports anywhere."""
    parents = ["singerlearn", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parents[: len(parents) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("name", ROOMS)
def test_imports_point_one_way(name):
    rooms = {room(path) for path in FILES}
    assert rooms == set(ROOMS)
    used = {
        ".".join([module, "__init__"]).split(".")[1]
        for path in FILES
        if room(path) == name
        for module in imports(path)
        if module.split(".")[0] == "singerlearn"
    }
    assert used & rooms - {name} == ROOMS[name]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_third_parties_have_their_rooms(path):
    packages = {name.split(".")[0] for name in imports(path)}
    misplaced = {p for p in packages & set(KEEPERS) if room(path) not in KEEPERS[p]}
    assert not misplaced


HEAVY = ("torch", "skorch", "librosa", "matplotlib", "numba", "soundfile", "sklearn")


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("import singerlearn", ()),
        ("from singerlearn import MelChunker, make_svm_baseline",
         ("sklearn", "soundfile")),
        ("from singerlearn.datasets import make_singers, load_folder",
         ("sklearn", "soundfile")),
    ],
)  # fmt: skip
def test_heavy_packages_load_on_first_use(statement, allowed):
    code = f"{statement}; import sys; print(*{{m.split('.')[0] for m in sys.modules}})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not set(loaded) & (set(HEAVY) - set(allowed))


def test_every_public_name_can_be_imported():
    import singerlearn

    for name in singerlearn.__all__:
        assert getattr(singerlearn, name).__name__ == name
        assert name in dir(singerlearn)
    # What the reference names, in a program that has imported nothing else.
    reference = Path(__file__).resolve().parents[1] / "docs" / "api.rst"
    names = re.findall(r"^   ([a-z_]*\.?[\w.]+)$", reference.read_text("utf-8"), re.M)
    assert len(names) > 50
    code = "import operator, singerlearn\n" + "".join(
        f"operator.attrgetter({name!r})(singerlearn)\n" for name in names
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        getattr(singerlearn, "nonsense")  # noqa: B009


BOTH_AT_ONCE = """
import threading
import singerlearn
start, found = threading.Barrier(2), []
def ask(name):
    start.wait()
    found.append(getattr(singerlearn, name).__name__)
names = ("VoiceFeatures", "ClipClassifier")
threads = [threading.Thread(target=ask, args=(name,)) for name in names]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sorted(found))
"""


def test_two_threads_may_ask_for_their_first_names_at_once():
    done = subprocess.run(
        [sys.executable, "-c", BOTH_AT_ONCE], capture_output=True, text=True, check=True
    )
    assert done.stdout == "['ClipClassifier', 'VoiceFeatures']\n", done.stderr
