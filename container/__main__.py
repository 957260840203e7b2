"""One container as a program: whoever wants to serve a model starts this file by its path.

    python -P -s -u container/__main__.py ROOT FD
        [--framework sklearn|xgboost] [--multi-model] [--memory-bytes N] [--no-network]

ROOT is the container's own folder. It holds `opt/ml/model`, unpacked; the container makes
`opt/ml/code` and `site-packages` in it. The environment names these folders by their real paths:
SAGEMAKER_SUBMIT_DIRECTORY is ROOT/opt/ml/model/code, or the s3:// URL of a `.tar.gz`, which the
container downloads, and SAGEMAKER_PROGRAM is the file's name in it. SAGEMAKER_CONTAINER_LOG_LEVEL
and SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT mean the same as on AWS. The other variables are for the
user's code.

FD is a listening TCP socket that the caller hands down, so that there is no race for a port. On it
`GET /ping` answers 200 when the model is loaded, or 500 with the reason as text when it did not
load, and `POST /invocations` answers what the handler returns. Requests wait until the model has
loaded or failed. When the container has ended, requests are refused, once the caller has closed its
own copy of FD. The process ends with its standard input, that is, with the process that started it,
however that ended; it reads nothing from there. It also ends on SIGTERM. Its own log goes to
standard error, what the user's code prints to standard output.

`--framework` is the AWS image that the container plays, by default scikit-learn's: it decides the
defaults of the user's functions, and XGBoost's sets OMP_NUM_THREADS to 1 unless it is set already.
`--memory-bytes` limits the memory of the process (and of each process that the user's code starts).
A process that needs more gets a MemoryError, which /ping gives as the reason, or is ended by its
libraries; some of them (OpenBLAS) wait for memory for ever, so the caller needs a time limit.
`--no-network` leaves the process only the given socket and a loopback of its own.

`--multi-model` serves several models, at first none. `POST /models` with {"model_name", "url"}
loads one from a folder, `DELETE /models/NAME` unloads it, `GET /models` lists them, and
`POST /models/NAME/invoke` sends a request to one; /ping answers 200 once the user's code is
imported.

`-P` and `-s` keep this folder and the caller's packages from what the user's code can import. The
repository can be imported only while the container is being imported, never by the user's code:
what runs is the model archive, never a module of the same name beside this package.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

_IMPORT_ROOT = str(Path(__file__).parents[1])


def _imported() -> Callable[[], None]:
    """Import the container, and leave no trace of that in sys.path and sys.modules."""
    sys.path.insert(0, _IMPORT_ROOT)
    from container.program import main

    sys.path.remove(_IMPORT_ROOT)
    for name in [name for name in sys.modules if name.partition(".")[0] == "container"]:
        del sys.modules[name]
    return main


# Not imported by `multiprocessing`, which runs this file again in each process that it spawns.
if __name__ == "__main__":
    _imported()()
