"""Is it harmless to import and call what a pickle names?

Only what the lists below name is harmless. They come from pickles that the usual libraries for
models wrote.
"""

from __future__ import annotations

import re
from enum import Enum

from model_artifact.inspection.pickle_values import Global


class Judgement(Enum):
    """What inspection says of a global in a pickle."""

    HARMLESS = "harmless"
    UNKNOWN = "unknown"
    DANGEROUS = "dangerous"
    OBSCURE = "obscure"
    """Nobody can tell which global it is."""


def judge(found: Global) -> Judgement:
    """Judge a global that is imported and then called."""
    module, name = found
    if module == "?" or name.endswith("?") or module == "copyreg extension":
        return Judgement.OBSCURE
    parts = module.split(".")
    top = parts[0]
    if any(".".join(parts[:count]) in _DANGEROUS_MODULES for count in range(1, len(parts) + 1)):
        return Judgement.DANGEROUS
    if str(found) in _DANGEROUS or _LEADS_OUT.search(f"{module}.{name}"):
        return Judgement.DANGEROUS
    if str(found) in _HARMLESS or any(pattern.fullmatch(str(found)) for pattern in _PATTERNS):
        return Judgement.HARMLESS
    # A class of a usual library: the pickle makes an instance and sets its state.
    if top in _LIBRARIES and re.fullmatch(r"_?[A-Z]\w*(\.[A-Z]\w*)*", name):
        return Judgement.HARMLESS
    return Judgement.UNKNOWN


# Modules that no pickle of a model needs: they run programs or code, open files, reach a network,
# import modules, or load further pickles.
_DANGEROUS_MODULES = frozenset(
    {
        *("os", "posix", "nt", "posixpath", "ntpath", "genericpath", "shutil", "tempfile", "glob"),
        *("subprocess", "_posixsubprocess", "pty", "multiprocessing", "concurrent", "threading"),
        *("_thread", "asyncio", "signal", "sched", "sys", "_winapi", "ctypes", "_ctypes", "cffi"),
        *("socket", "_socket", "ssl", "http", "urllib", "urllib3", "requests", "httpx", "aiohttp"),
        *("ftplib", "smtplib", "telnetlib", "poplib", "imaplib", "xmlrpc", "socketserver", "boto3"),
        *("botocore", "paramiko", "webbrowser", "antigravity", "idlelib", "turtledemo"),
        *("importlib", "_frozen_importlib", "_frozen_importlib_external", "imp", "pkgutil"),
        *("runpy", "zipimport", "code", "codeop", "bdb", "pdb", "trace", "profile", "cProfile"),
        *("timeit", "doctest", "pydoc", "venv", "ensurepip", "pip", "setuptools", "distutils"),
        *("pickle", "_pickle", "cPickle", "marshal", "shelve", "dbm", "sqlite3", "_pyio", "mmap"),
        *("fileinput", "linecache", "zipfile", "tarfile", "gc", "site", "getpass", "atexit"),
        *("IPython", "pytest", "_pytest", "nose", "test", "numpy.f2py", "numpy.distutils"),
        *("numpy.testing", "torch.hub", "torch.utils.cpp_extension", "torch.distributed"),
    }
)
_DANGEROUS = frozenset(
    {
        *("builtins.eval", "builtins.exec", "builtins.compile", "builtins.open"),
        *("builtins.getattr", "builtins.setattr", "builtins.delattr", "builtins.__import__"),
        "builtins.globals",
        *("builtins.locals", "builtins.vars", "builtins.breakpoint", "builtins.input"),
        *("builtins.help", "builtins.exit", "builtins.quit", "io.open", "io.open_code"),
        *("io.FileIO", "_io.open", "_io.open_code", "_io.FileIO", "codecs.open"),
        *("operator.attrgetter", "operator.methodcaller", "operator.itemgetter"),
        *("_operator.attrgetter", "_operator.methodcaller", "_operator.itemgetter"),
        *("joblib.load", "joblib.numpy_pickle.load", "numpy.load", "numpy.loadtxt"),
        *("numpy.memmap", "numpy.fromfile", "numpy.lib.npyio.load", "numpy.lib._npyio_impl.load"),
        *("pandas.read_pickle", "pandas.io.pickle.read_pickle", "pandas.eval"),
        *("pandas.core.computation.eval.eval", "torch.load", "torch.serialization.load"),
        *("torch.jit.load", "torch.storage._load_from_bytes"),
        *("cloudpickle.load", "cloudpickle.loads", "dill.load", "dill.loads"),
    }
)
# A dotted name that leads through another module: sklearn.base "os.system".
_LEADS_OUT = re.compile(
    r"\.(os|sys|subprocess|socket|shutil|importlib|builtins|ctypes|runpy|__import__|__globals__|"
    r"__builtins__|__subclasses__|__class__|__dict__|__getattribute__|__reduce\w*|eval|exec|system|"
    r"popen|spawn\w*)(\.|$)"
)

_LIBRARIES = frozenset(
    {
        *("sklearn", "numpy", "scipy", "pandas", "joblib", "xgboost", "lightgbm", "catboost"),
        *("imblearn", "category_encoders", "feature_engine", "statsmodels", "skops", "onnx"),
        *("torch", "torchvision", "torchaudio", "transformers", "tokenizers", "spacy", "nltk"),
        *("sentence_transformers", "pyarrow", "polars", "networkx", "shap", "mlxtend", "sktime"),
        *("collections", "datetime", "decimal", "fractions", "uuid", "enum", "pathlib", "random"),
        *("zoneinfo", "pytz", "dateutil", "typing", "re", "scikeras", "skorch", "hmmlearn"),
    }
)
_HARMLESS = frozenset(
    {
        *("builtins.bool", "builtins.bytearray", "builtins.bytes", "builtins.complex"),
        *("builtins.dict", "builtins.float", "builtins.frozenset", "builtins.int", "builtins.list"),
        *("builtins.object", "builtins.range", "builtins.set", "builtins.slice", "builtins.str"),
        *("builtins.tuple", "builtins.type", "builtins.Ellipsis", "builtins.NotImplemented"),
        *("copyreg._reconstructor", "copyreg.__newobj__", "copyreg.__newobj_ex__"),
        *("_codecs.encode", "codecs.encode", "functools.partial", "re._compile", "numpy.ndarray"),
        *("numpy.dtype", "collections.deque", "collections.defaultdict", "array.array"),
        *("array._array_reconstructor", "pytz._UTC", "pytz._p", "types.SimpleNamespace"),
        *("datetime.date", "datetime.datetime", "datetime.time", "datetime.timedelta"),
        *("datetime.timezone", "pandas._libs.internals._unpickle_block"),
        "pandas._libs.arrays.__pyx_unpickle_NDArrayBacked",
        "pandas.core.indexes.base._new_Index",
        *("pandas.core.internals.blocks.new_block", "torch._utils._rebuild_tensor"),
        *("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter", "torch.device"),
        *("torch._utils._rebuild_qtensor", "torch.serialization._get_layout", "torch.dtype"),
        *("torch._utils._rebuild_device_tensor_from_numpy", "torch.per_tensor_affine"),
        *("torch._utils._rebuild_sparse_tensor", "torch._tensor._rebuild_from_type_v2"),
        *("sklearn.metrics._dist_metrics.newObj", "scipy.spatial._ckdtree.cKDTree"),
    }
)
_PATTERNS = [
    re.compile(pattern)
    for pattern in (
        # How NumPy rebuilds its arrays, scalars, generators and functions.
        r"numpy\.(_core|core)\.(multiarray|_multiarray_umath)\.(_reconstruct|scalar)",
        r"numpy\.(_core|core)\.numeric\._frombuffer",
        r"numpy\.(_core|core)\._internal\._convert_to_stringdtype_kwargs",
        r"numpy\.(_core|core)\._ufunc_reconstruct",
        r"numpy\.ma\.core\._mareconstruct",
        r"numpy\.random\._pickle\.__(randomstate|generator|bit_generator)_ctor",
        r"numpy\.random\.bit_generator\.__pyx_unpickle_\w+",
        r"numpy\.(u?int|float|complex)(8|16|32|64|128|p|c|_)?",
        r"numpy\.(bool_?|str_|bytes_|object_|datetime64|timedelta64|longdouble|void)",
        r"numpy\.(exp|expm1|log|log1p|log2|log10|sqrt|square|abs|absolute|sin|cos|tanh|sign|clip)",
        r"scipy\._lib\.array_api_compat\.numpy\._aliases\.asarray",
        r"numpy\.(nan)?(mean|median|sum|max|min|std|var)",
        # Cython's classes.
        r"sklearn\.[\w.]+\.(__pyx_unpickle_\w+|newObj)",
        r"sklearn\.utils\._bunch\.Bunch",
        r"scipy\.sparse\.[\w.]*\.(bsr|coo|csc|csr|dia|dok|lil)_(matrix|array)",
        r"torch\.(b?float|u?int|complex)(8|16|32|64|128)?",
        r"torch\.(double|half|long|short|bool|strided|\w+Storage)",
        r"torch\.storage\.(Untyped|Typed)Storage",
    )
]
