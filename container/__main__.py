"""One container as a program, which whoever wants a model served starts by its file's path.

    python -P -s -u container/__main__.py ROOT FD
        [--framework sklearn|xgboost] [--multi-model] [--memory-bytes N] [--no-network]

ROOT is a folder of the container's own that holds `opt/ml/model`, unpacked; `opt/ml/code` and
`site-packages` are made in it. Its folders are given by their real paths, in the environment too:
SAGEMAKER_SUBMIT_DIRECTORY is ROOT/opt/ml/model/code, or the s3:// URL of a `.tar.gz`, which the
container downloads, and SAGEMAKER_PROGRAM the file's name in it; SAGEMAKER_CONTAINER_LOG_LEVEL and
SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT are as AWS has them. The rest of the environment is the user's
code's.

FD is a listening TCP socket that the caller hands down, so that there is no race for a port. On it
`GET /ping` answers 200 with the model loaded, or 500 with the reason why it is not, as text, and
`POST /invocations` what the handler says. A request waits until the model is loaded or has failed
to; one to a container that ended is refused, once the caller has closed its own copy of FD. The
process ends when its standard input does, that is, with the process that started it, however that
ended; it reads nothing from there. It also ends on SIGTERM. What it has to say is on standard
error, what the user's code prints on standard output.

`--framework` is AWS's image that is played, scikit-learn's unless told otherwise: by it go the
defaults of the user's functions, and XGBoost's sets OMP_NUM_THREADS to 1 where nobody else does.
`--memory-bytes` is what the process may hold (each process, if the user's code starts more): beyond
it there is a MemoryError, which is the reason that /ping gives, or the end of the process by its
libraries, and some of them (OpenBLAS) wait for memory for ever: the caller has to have a limit of
time. `--no-network` leaves it the given socket and its own loopback.

`--multi-model` has it serve several models, of which there is none at first. `POST /models` with
{"model_name", "url"} loads one from a folder, `DELETE /models/NAME` unloads it, `GET /models` lists
them, and `POST /models/NAME/invoke` is answered by one; /ping answers 200 once the user's code is
imported.

`-P` and `-s` keep this folder and the caller's packages from what the user's code can import. The
repository is importable until the container is imported, and not when the user's code is: what
runs is the model archive, never a module of the same name beside this package.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

_IMPORT_ROOT = str(Path(__file__).parents[1])


def _imported() -> Callable[[], None]:
    """Import the container, and leave no trace of how."""
    sys.path.insert(0, _IMPORT_ROOT)
    from container.program import main

    sys.path.remove(_IMPORT_ROOT)
    for name in [name for name in sys.modules if name.partition(".")[0] == "container"]:
        del sys.modules[name]
    return main


# Not imported by `multiprocessing`, which runs this file again in each process that it spawns.
if __name__ == "__main__":
    _imported()()
