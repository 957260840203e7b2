"""Serve one model: `python -m local_cloud.container ROOT FD`.

ROOT holds `opt/ml`; FD is a listening socket that the caller hands down, so that there is no race
for a port. The process ends when its standard input does, that is, with the process that started
it, however that ended.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
import traceback
from pathlib import Path

import uvicorn

from local_cloud.container import encoders, handler
from local_cloud.container.app import serving

logger = logging.getLogger("local_cloud.container")


def main() -> None:
    """Load the model, then answer pings and invocations until told to end."""
    root, descriptor = Path(sys.argv[1]), int(sys.argv[2])
    _end_with_parent()
    logging.basicConfig(
        format="%(asctime)s %(levelname)s - %(name)s - %(message)s",
        level=int(os.environ.get("SAGEMAKER_CONTAINER_LOG_LEVEL", logging.INFO)),
    )
    transform: handler.Transform | str
    began = time.monotonic()
    try:
        transform = handler.load(root, os.environ)
        program = os.environ["SAGEMAKER_PROGRAM"]
        logger.info("%s has loaded the model in %.1f s", program, time.monotonic() - began)
    except Exception as error:
        traceback.print_exc()
        transform = " ".join(f"{type(error).__name__}: {error}".split())
    default_accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", encoders.JSON)
    config = uvicorn.Config(
        serving(transform, default_accept),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        # The caller is the one to close an idle connection: were it this side, a request could
        # meet a connection that is closing, and be lost.
        timeout_keep_alive=24 * 3600,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


def _end_with_parent() -> None:
    """End this process at the end of its standard input, which the user's code no longer sees."""
    pipe = os.dup(sys.stdin.fileno())
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())

    def wait() -> None:
        os.read(pipe, 1)
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    main()
