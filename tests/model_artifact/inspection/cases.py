"""For every rule an archive that breaks it, and one that almost breaks it."""

from __future__ import annotations

import pickle
import tarfile
import types

from tests.model_artifact.inspection.archives import (
    SCRIPT,
    Case,
    calling,
    container,
    good,
    header,
    model,
    tar_gz,
)

OLD = container("sagemaker-scikit-learn:1.2-1-cpu-py3")
XGBOOST = container("sagemaker-xgboost:3.2-0")
PYTORCH = container("pytorch-inference:2.6.0-cpu-py312")
OWN = container("team/own:1.0")


def script(old: str, new: str) -> dict[str, bytes]:
    assert old in SCRIPT
    return {"code/inference.py": SCRIPT.replace(old, new).encode()}


def requirements(*lines: str, **wheels: bytes) -> dict[str, bytes]:
    return {"code/requirements.txt": "\n".join(lines).encode()} | {
        f"code/wheels/{name}": content for name, content in wheels.items()
    }


def saved_with(version: str, estimator: str = "linear_model._logistic LogisticRegression") -> bytes:
    """Return a pickle of an estimator, as this version of scikit-learn writes it."""
    module, name = estimator.split()
    return (
        b"\x80\x04\x8c" + bytes([len(module) + 8]) + b"sklearn." + module.encode()
        + b"\x8c" + bytes([len(name)]) + name.encode()
        + b"\x93)\x81}\x8c\x10_sklearn_version\x8c" + bytes([len(version)]) + version.encode()
        + b"sb."
    )  # fmt: skip


def code_object(arguments: int) -> bytes:
    """Return a pickle that makes a code object with so many arguments, as cloudpickle does."""
    return (
        b"\x80\x04\x8c\x05types\x8c\x08CodeType\x93(" + b"K\x00" * arguments + b"tR."
    )  # fmt: skip


def xgboost_json(version: str) -> bytes:
    numbers = version.replace(".", ",")
    return b'{"learner":{"attributes":{}},"version":[' + numbers.encode() + b"]}"


def pickled_booster(version: tuple[int, int, int]) -> bytes:
    ubjson = (
        b"{L" + bytes(7) + b"\x07Config{}"
        + b"L" + bytes(7) + b"\x07version[#L" + bytes(7) + b"\x03"
        + b"".join(b"i" + bytes([number]) for number in version) + b"}"
    ).ljust(2000, b" ")  # fmt: skip
    return (
        b"\x80\x05\x8c\x0cxgboost.core\x8c\x07Booster\x93)\x81}\x8c\x06handle\x96"
        + len(ubjson).to_bytes(8, "little") + ubjson + b"sb."
    )  # fmt: skip


TORCH_MODEL_FN = "def model_fn(model_dir, context):"

BROKEN: dict[str, Case] = {
    "archive-unreadable": Case(data=tar_gz(good())[:-20]),
    "archive-bomb": Case({"zeros": bytes(64 * 1024**2)}),
    "member-name": Case({"../outside": b""}),
    "member-kind": Case({"link": header(tarfile.SYMTYPE, "/etc/passwd")}),
    "member-duplicate": Case({"model.pkl#2": b"other"}),
    "member-case": Case({"Model.pkl": model()}),
    "layout-wrapped": Case(data=tar_gz({f"model/{name}": data for name, data in good().items()})),
    "layout-no-model": Case({"model.pkl": None}),
    "layout-script-missing": Case({"code/inference.py": None}),
    "layout-script-misplaced": Case({"code/inference.py": None, "inference.py": SCRIPT.encode()}),
    "layout-memory": Case(container=container(memory_bytes=100)),
    "script-syntax": Case(script("return Response", "return return Response")),
    "script-model-fn": Case(script("def model_fn", "def load_model")),
    "script-clash": Case(
        script("def model_fn", "def input_fn(body, content_type): ...\n\n\ndef model_fn")
    ),
    "script-arity": Case(script("def model_fn(model_dir)", "def model_fn(model_dir, context)")),
    "script-import": Case(script("import json", "import json\nimport lightgbm")),
    "script-import-unsure": Case(
        script(
            "import json", "try:\n    import orjson as json\nexcept ImportError:\n    import json"
        )
    ),
    "pickle-globals": Case({"other.pkl": pickle.dumps(types.SimpleNamespace())}),
    "pickle-dangerous": Case({"other.pkl": calling("os", "system")}),
    "pickle-obscure": Case({"other.pkl": b"\x80\x04\x8c\x02os](\x8c\x06systeme\x93."}),
    "pickle-main": Case({"other.pkl": calling("__main__", "Scaler")}),
    "pickle-module": Case({"other.pkl": calling("lightgbm.sklearn", "LGBMClassifier")}),
    "pickle-unknown": Case({"other.pkl": calling("sklearn.utils.validation", "check_array")}),
    "pickle-unreadable": Case({"other.pkl": model()[:-10]}),
    "sklearn-breaks": Case({"other.pkl": saved_with("1.10.0")}),
    "sklearn-differs": Case({"other.pkl": saved_with("1.8.0")}),
    "numpy-breaks": Case({"other.pkl": calling("numpy._core.multiarray", "scalar")}, OLD),
    "python-breaks": Case({"other.pkl": code_object(16)}),
    "python-differs": Case({"other.pkl": code_object(18)}),
    "xgboost-breaks": Case({"model.json": xgboost_json("3.3.0")}, XGBOOST),
    "xgboost-differs": Case({"other.pkl": pickled_booster((2, 1, 4))}, XGBOOST),
    "requirements-invalid": Case(requirements("tqdm=1")),
    "requirements-misplaced": Case({"requirements.txt": b"tqdm==4.67.1"}),
    "requirements-unpinned": Case(requirements("tqdm>=4")),
    "requirements-isolated": Case(requirements("tqdm==4.67.1"), container(network_isolation=True)),
    "requirements-egress": Case(requirements("tqdm==4.67.1"), container(egress=False)),
    "requirements-replaces": Case(requirements("protobuf==7.36.2")),
    "requirements-wheel-missing": Case(
        requirements("--no-index", "--find-links wheels", "tqdm==4.67.1")
    ),
    "requirements-wheel-unfit": Case(
        requirements(
            *("--no-index", "--find-links wheels", "orjson==3.11.0"),
            **{"orjson-3.11.0-cp311-cp311-manylinux_2_17_x86_64.whl": b""},
        )
    ),
    "trial-load": Case(script('"model.pkl").read_bytes()', '"model.bin").read_bytes()')),
    "trial-timeout": Case(
        script("return pickle", "import time\n    time.sleep(60)\n    return pickle"),
        container(startup_seconds=3),
    ),
    "trial-memory": Case(
        script("return pickle", "waste = bytearray(2 << 30)\n    return pickle"),
        container(memory_bytes=1 << 30),
    ),
    "trial-answer": Case({"code/sample.json": b'{"rows": [[1.0, 2.0]]}'}),
    "trial-formats": Case(
        script("model.predict(np.array(rows, np.float64)).tolist()", "[content_type] * len(rows)")
    ),
    "trial-sample": Case({"code/sample.json": None}),
    "trial-skipped": Case(container=OLD, members={"model.pkl": saved_with("1.2.1")}),
    "trial-report": Case(),
}

WHOLE: dict[str, Case] = {
    **dict.fromkeys(
        (
            *("archive-unreadable", "member-duplicate", "layout-no-model", "layout-script-missing"),
            *("script-import", "script-clash", "script-model-fn", "pickle-main", "trial-load"),
            *("trial-answer", "trial-formats", "trial-sample", "trial-skipped", "trial-timeout"),
            *("requirements-misplaced", "requirements-isolated", "requirements-egress"),
        ),
        Case(),
    ),
    "archive-bomb": Case({"zeros": bytes(8 * 1024**2)}),
    "member-name": Case({"..a/...": b""}),
    "member-kind": Case({"folder": header(tarfile.DIRTYPE)}),
    "member-case": Case({"MODEL/pkl": b""}),
    "layout-wrapped": Case(
        data=tar_gz({"resnet/1/model.onnx": b""}),
        container=container("sagemaker-tritonserver:26.05-py3", needs_script=False),
    ),
    "layout-script-misplaced": Case({"other/inference.py": SCRIPT.encode()}),
    "layout-memory": Case(container=container(memory_bytes=8 << 30)),
    "script-syntax": Case(script("if content_type == CSV:", "if (found := content_type) == CSV:")),
    "script-arity": Case({"code/inference.py": TORCH_MODEL_FN.encode() + b" ..."}, PYTORCH),
    "script-import-unsure": Case(
        script("import json", "import json\nimport formats") | {"code/formats.py": b""}
    ),
    "pickle-globals": Case({"model.pkl": pickle.dumps([1, 2, {"a": "os.system"}])}),
    "pickle-dangerous": Case({"other.pkl": pickle.dumps("cos\nsystem\n(S'echo'\ntR.")}),
    "pickle-obscure": Case({"other.pkl": pickle.dumps([types.SimpleNamespace] * 3)}),
    "pickle-module": Case(
        {"other.pkl": calling("scaling.robust", "Scaler"), "code/scaling/robust.py": b""}
    ),
    "pickle-unknown": Case({"other.pkl": calling("collections", "OrderedDict")}),
    "pickle-unreadable": Case({"noise.bin": b"\x80\x04\x95not a pickle, by chance"}),
    "sklearn-breaks": Case({"other.pkl": saved_with("1.9.3")}),
    "sklearn-differs": Case({"other.pkl": saved_with("1.9.0")}),
    "numpy-breaks": Case({"model.pkl": calling("numpy.core.multiarray", "scalar")}, OLD),
    "python-breaks": Case({"other.pkl": code_object(16)}, OLD),
    "python-differs": Case({"other.pkl": pickle.dumps(len)}),
    "xgboost-breaks": Case({"model.json": xgboost_json("2.1.4")}, XGBOOST),
    "xgboost-differs": Case({"other.pkl": pickled_booster((3, 2, 1))}, XGBOOST),
    "requirements-invalid": Case(requirements("# none", "tqdm == 4.67.1 ; python_version > '3'")),
    "requirements-unpinned": Case(requirements("tqdm==4.67.1")),
    "requirements-replaces": Case(requirements("protobuf==3.20.3")),
    "requirements-wheel-missing": Case(
        requirements(
            *("--no-index", "--find-links wheels", "TQDM==4.67.1", "numpy==2.5.1"),
            **{"tqdm-4.67.1-py3-none-any.whl": b""},
        )
    ),
    "requirements-wheel-unfit": Case(
        requirements(
            *("--no-index", "--find-links wheels", "orjson==3.11.0"),
            **{"orjson-3.11.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": b""},
        )
    ),
    "trial-memory": Case(container=container(memory_bytes=1 << 30)),
    "trial-report": Case(container=OWN),
}
