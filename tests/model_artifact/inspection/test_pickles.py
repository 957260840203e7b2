"""Inspection knows what a pickle does without doing it; Python's own machine is the oracle."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import subprocess
import sys
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joblib.numpy_pickle import NumpyUnpickler
from sklearn import (
    calibration,
    cluster,
    compose,
    datasets,
    decomposition,
    ensemble,
    feature_extraction,
    gaussian_process,
    impute,
    linear_model,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)

from model_artifact.inspection import Severity, inspect
from model_artifact.inspection.pickle_files import Pickle, read
from tests.model_artifact.inspection.archives import Case, calling

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300) | st.binary()
)
OBJECTS = st.recursive(
    SCALARS
    | st.builds(np.float32, st.floats(width=32))
    | st.just(datetime(2026, 1, 1, tzinfo=UTC)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
        | st.builds(OrderedDict, st.lists(st.tuples(st.text(max_size=3), inner), max_size=3))
        | st.builds(lambda rows: np.array(rows, dtype=object), st.lists(inner, max_size=3))
        | st.builds(np.array, st.lists(st.floats(), max_size=50))
        | st.sets(st.integers(), max_size=4)
    ),
    max_leaves=12,
)


def found(data: bytes, name: str = "model.pkl") -> list[Pickle]:
    return list(read(name, len(data), io.BytesIO(data)))


def imports(pickles: list[Pickle]) -> set[str]:
    assert [each.problem for each in pickles if each.problem] == []
    return {str(each) for one in pickles for each in one.globals}


def really_imported(data: bytes) -> set[str]:
    """Load a pickle with Python's own machine, and return what it imports."""
    seen = set()

    class Recording(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            loaded = super().find_class(module, name)
            seen.add(f"{module}.{name}")
            return loaded

    Recording(io.BytesIO(data)).load()
    return {
        name.replace("__builtin__.", "builtins.").replace("copy_reg.", "copyreg.") for name in seen
    }


@given(OBJECTS, st.integers(0, 5))
def test_the_imports_are_those_that_loading_it_makes(value: object, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    assert imports(found(data)) == really_imported(data)


@given(OBJECTS, st.sampled_from([0, ("zlib", 1), ("gzip", 1), ("bz2", 1), ("xz", 1), ("lzma", 1)]))
def test_a_joblib_file_is_read_to_its_end_with_any_compression(
    value: object, compress: Any
) -> None:
    stream = io.BytesIO()
    joblib.dump(value, stream, compress=compress)
    seen = set()
    plain = NumpyUnpickler.find_class
    with pytest.MonkeyPatch.context() as patch:

        def recording(self: NumpyUnpickler, module: str, name: str) -> Any:
            seen.add(f"{module}.{name}")
            return plain(self, module, name)

        patch.setattr(NumpyUnpickler, "find_class", recording)
        joblib.load(io.BytesIO(stream.getvalue()))
    assert imports(found(stream.getvalue())) == seen


X, Y = datasets.load_iris(return_X_y=True)
TEXTS = ["a b", "b c", "c d"] * 50
MODELS = {
    type(model).__name__ + str(number): model
    for number, model in enumerate(
        [
            linear_model.LogisticRegression(max_iter=300),
            linear_model.SGDClassifier(),
            linear_model.LassoCV(),
            linear_model.HuberRegressor(max_iter=500),
            svm.SVC(probability=False),
            tree.DecisionTreeClassifier(),
            ensemble.RandomForestClassifier(5),
            ensemble.ExtraTreesRegressor(5),
            ensemble.GradientBoostingClassifier(n_estimators=3),
            ensemble.HistGradientBoostingClassifier(max_iter=3),
            ensemble.IsolationForest(n_estimators=5),
            ensemble.AdaBoostClassifier(n_estimators=3),
            ensemble.StackingClassifier([("tree", tree.DecisionTreeClassifier())], cv=2),
            ensemble.VotingClassifier([("bayes", naive_bayes.GaussianNB())]),
            calibration.CalibratedClassifierCV(naive_bayes.GaussianNB(), cv=2),
            neighbors.KNeighborsClassifier(algorithm="kd_tree"),
            neighbors.KNeighborsRegressor(algorithm="ball_tree"),
            gaussian_process.GaussianProcessRegressor(alpha=1.0),
            cluster.KMeans(3, n_init=1),
            decomposition.PCA(2),
            neural_network.MLPClassifier((4,), max_iter=2000),
            multioutput.MultiOutputRegressor(linear_model.Ridge()),
            pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.OneHotEncoder(),
                                   preprocessing.StandardScaler(with_mean=False)),
            pipeline.make_pipeline(preprocessing.FunctionTransformer(np.log1p),
                                   preprocessing.KBinsDiscretizer(quantile_method="linear")),
            compose.make_column_transformer((preprocessing.RobustScaler(), [0]),
                                            ("passthrough", [1]),
                                            (preprocessing.SplineTransformer(), [2])),
            pipeline.make_pipeline(feature_extraction.text.TfidfVectorizer(analyzer="char"),
                                   linear_model.RidgeClassifier()),
        ]
    )
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore")
def test_no_model_that_scikit_learn_writes_gets_a_warning(name: str, tmp_path: Path) -> None:
    model = MODELS[name]
    target = Y.reshape(-1, 1) if "MultiOutput" in name else Y
    model.fit(TEXTS if "Tfidf" in repr(model) else X, target)
    stream = io.BytesIO()
    joblib.dump(model, stream)
    written = {f"{protocol}.pkl": pickle.dumps(model, protocol) for protocol in range(6)}
    case = Case({**written, "model.joblib": stream.getvalue()})
    said = inspect(case.write(tmp_path), case.container, run=False)
    assert [str(each) for each in said if each.rule.severity > Severity.INFO] == []
    for data in written.values():
        assert imports(found(data)) == really_imported(data)
    versions = {version for each in found(written["4.pkl"]) for _, version in each.estimators}
    assert versions == {"1.9.0"}


def numbered(number: int) -> bytes:
    return number.to_bytes(4, "little")


SYSTEM = b"\x8c\x02os\x8c\x06system"
ATTACKS: dict[str, tuple[bytes, str]] = {
    "protocol 0": (b"cos\nsystem\n(S'echo'\ntR.", "pickle-dangerous"),
    "protocol 0 under another name": (b"cposix\nsystem\n(S'echo'\ntR.", "pickle-dangerous"),
    "Python 2's module": (b"c__builtin__\neval\n(S'1'\ntR.", "pickle-dangerous"),
    "inst": (b"(S'echo'\nios\nsystem\n.", "pickle-dangerous"),
    "obj": (b"(cos\nsystem\nS'echo'\no.", "pickle-dangerous"),
    "newobj": (b"\x80\x02csubprocess\nPopen\n(S'echo'\nt\x81.", "pickle-dangerous"),
    "newobj_ex": (b"\x80\x04csubprocess\nPopen\n)}\x92.", "pickle-dangerous"),
    "stack global": (b"\x80\x04" + SYSTEM + b"\x93\x8c\x04echo\x85R.", "pickle-dangerous"),
    "names from the memo": (
        b"\x80\x04\x8c\x06system\x940\x8c\x02os\x940h\x01h\x00\x93\x8c\x04echo\x85R.",
        "pickle-dangerous",
    ),
    "names put far away": (
        b"\x80\x04\x8c\x06systemr" + numbered(2**31) + b"0\x8c\x02osj" + numbered(2**31)
        + b"\x93\x8c\x04echo\x85R.",
        "pickle-dangerous",
    ),
    "a name that is computed": (b"\x80\x04\x8c\x02os]\x93.", "pickle-obscure"),
    "a name from copyreg's registry": (b"\x80\x04\x82\x01)R.", "pickle-obscure"),
    "through a harmless module": (calling("sklearn.base", "os.system"), "pickle-dangerous"),
    "through a class": (
        calling("collections", "OrderedDict.__init__.__globals__"), "pickle-dangerous"
    ),
    "getattr of a module": (
        b"\x80\x04cbuiltins\ngetattr\n(csklearn\nbase\nS'os'\ntR.", "pickle-dangerous"
    ),
    "getattr of what is not known": (
        b"\x80\x04cbuiltins\ngetattr\n(]S'os'\ntR.", "pickle-dangerous"
    ),
    "getattr handed on": (
        b"\x80\x04cfunctools\npartial\n(cbuiltins\ngetattr\ntR.", "pickle-dangerous"
    ),
    "an operator": (calling("operator", "methodcaller", "system"), "pickle-dangerous"),
    "numpy's exec": (
        calling("numpy.testing._private.utils", "runstring"), "pickle-dangerous"
    ),
    "joblib's load": (calling("joblib", "load", "other.pkl"), "pickle-dangerous"),
    "a function that nobody knows": (calling("numpy", "who"), "pickle-unknown"),
    "two ways of numbering": (
        b"\x80\x04" + b"\x8c\x0bcollectionsq\x010" * 2
        + b"\x8c\x02os\x940h\x01\x8c\x06system\x93\x8c\x04echo\x85R.",
        "pickle-obscure",
    ),
    "a result that is called": (b"\x80\x04cfunctools\npartial\n)R)R.", "pickle-obscure"),
    "a class that is changed": (
        b"\x80\x04ccollections\nOrderedDict\n}\x8c\x01aNsb.", "pickle-obscure"
    ),
    "more pickles than anyone loads": (b"N." * 1001 + SYSTEM, "pickle-obscure"),
    "before it breaks": (
        b"\x80\x04" + SYSTEM + b"\x93\x8c\x04echo\x85R\xff", "pickle-dangerous"
    ),
    "in a list": (b"\x80\x04](" + SYSTEM + b"\x93\x8c\x04echo\x85Re.", "pickle-dangerous"),
    "as a state": (
        b"\x80\x04}(\x8c\x01a" + SYSTEM + b"\x93\x8c\x04echo\x85Ru.", "pickle-dangerous"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_seen(name: str, tmp_path: Path) -> None:
    data, rule = ATTACKS[name]
    for member in ("model.pkl", "data/weights.bin", "code/notes.txt"):
        case = Case({member: data})
        ids = {each.rule.id for each in inspect(case.write(tmp_path), case.container, run=False)}
        assert rule in ids, member


def wrapped(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield files from which some library loads a pickle, each with a name for its place."""
    yield "zlib", zlib.compress(data)
    yield "gzip", gzip.compress(data)
    yield "bz2", bz2.compress(data)
    yield "xz", lzma.compress(data)
    yield "lzma", lzma.compress(data, lzma.FORMAT_ALONE)
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", compression) as archive:
            archive.writestr("archive/data.pkl", data)
        yield f"PyTorch's zip, {compression}", stream.getvalue()
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|O", "fortran_order": False, "shape": (1,)}
    )
    yield "NumPy's object array", header.getvalue() + data
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.npy", header.getvalue() + data)
    yield "NumPy's npz", stream.getvalue()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/broken.pkl", b"\x80\x04N.")
        archive.writestr("archive/data.pkl", data)
    broken = stream.getvalue().replace(b"\x80\x04N.", b"\x80\x04).")
    yield "behind a damaged member", broken
    yield "behind another pickle", pickle.dumps({"magic": 1}) + data
    yield "behind joblib's array", joblib_with(data)


def joblib_with(data: bytes) -> bytes:
    """Return a joblib file with an attack as its array of objects."""
    stream = io.BytesIO()
    joblib.dump(np.array([None], dtype=object), stream)
    written = stream.getvalue()
    inner = written.index(b"\x80\x05")  # the nested pickle, which joblib writes by protocol 5
    return written[:inner] + data + b"."


PLACES = dict(wrapped(calling("os", "system")))


@pytest.mark.parametrize("where", PLACES)
def test_an_attack_is_seen_in_every_place_from_which_a_library_loads_it(where: str) -> None:
    seen = found(PLACES[where], "weights.bin")
    assert "os.system" in {str(each) for one in seen for each in one.globals}


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    huge = b"\x80\x04\x8e" + (1 << 40).to_bytes(8, "little")
    bombs = {
        "a.pkl": zlib.compress(huge + bytes(1 << 26)),
        "b.pkl": gzip.compress(huge + bytes(1 << 26)),
    }
    case = Case(bombs)
    found = inspect(case.write(tmp_path), case.container, run=False)
    said = {each.member: str(each) for each in found if each.rule.id == "pickle-obscure"}
    assert said.keys() == bombs.keys()
    assert all("times its size" in each for each in said.values())


def test_a_bomb_behind_the_header_of_an_array_is_not_unpacked() -> None:
    bomb = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        bomb, {"descr": "|O", "fortran_order": False, "shape": (1,)}
    )
    bomb.write(b"\x80\x04\x8e" + (1 << 40).to_bytes(8, "little") + bytes(1 << 26))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bomb.getvalue())
    (seen,) = found(stream.getvalue(), "a.npz")
    assert [each.module for each in seen.globals] == ["?"]


HOSTILE = """
import io, resource, sys
from model_artifact.inspection.pickle_files import read
empty = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
data = {
    "memo": b"\\x80\\x04" + b"\\x8c\\x08abcdefgh\\x940" * 600_000,
    "stack": b"\\x80\\x04" + b"N" * 2_000_000,
    "tuples": b"\\x80\\x04" + b"))\\x860" * 600_000,
    "dicts": b"\\x80\\x04}" + b"\\x8c\\x01aNs" * 600_000,
    "different dicts": b"\\x80\\x04" + b"}\\x94" * 1_000_000,
    "marks": b"\\x80\\x04" + b"(" * 2_000_000,
    "long strings": b"\\x80\\x04\\x8d" + (1 << 26).to_bytes(8, "little") + bytes(1 << 26),
}[sys.argv[1]]
own = len(data) // 1024
list(read("model.pkl", len(data), io.BytesIO(data)))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - empty - own)
"""


@pytest.mark.parametrize(
    "kind", ["memo", "stack", "tuples", "dicts", "different dicts", "marks", "long strings"]
)
def test_a_hostile_pickle_takes_no_more_memory_than_is_stated(kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE, kind], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 64 * 1024
