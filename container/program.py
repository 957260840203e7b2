"""What the container does, from its command line to its last answer."""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import uvicorn

from container import confinement, encoders, handler, multi_model, toolkit
from container.app import serving
from container.asgi import App
from container.image import IMAGES, Image

logger = logging.getLogger("container")

T = TypeVar("T")


def main() -> None:
    """Load the model, then answer pings and invocations until the process is told to end."""
    parser = argparse.ArgumentParser(prog="container")
    parser.add_argument("root", type=Path)
    parser.add_argument("descriptor", type=int)
    parser.add_argument("--framework", choices=IMAGES, default="sklearn")
    parser.add_argument("--memory-bytes", type=int)
    parser.add_argument("--multi-model", action="store_true")
    parser.add_argument("--no-network", action="store_true")
    arguments = parser.parse_args()
    logging.basicConfig(
        format="%(asctime)s %(levelname)s - %(name)s - %(message)s",
        level=int(os.environ.get("SAGEMAKER_CONTAINER_LOG_LEVEL", logging.INFO)),
    )
    if arguments.no_network:
        confinement.cut_network()  # before there is a second thread
    _end_with_parent()
    image = IMAGES[arguments.framework]
    for name, value in image.environment.items():
        os.environ.setdefault(name, value)
    toolkit.provide()
    begin = _serve_several if arguments.multi_model else _serve
    config = uvicorn.Config(
        begin(arguments.root, image, arguments.memory_bytes),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        # The caller closes idle connections, not this side: a request could otherwise meet a
        # connection that is closing, and be lost.
        timeout_keep_alive=24 * 3600,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=arguments.descriptor)])


def _serve(root: Path, image: Image, memory_bytes: int | None) -> App:
    """Load the model, and make the app that answers with it."""
    return serving(
        _attempt(root, memory_bytes, lambda: handler.load(root, os.environ, image)), _accept()
    )


def _serve_several(root: Path, image: Image, memory_bytes: int | None) -> App:
    """Import the user's code, and make the app that loads models with it when told to."""
    image = replace(image, input_fn=image.multi_model_input_fn)
    module = _attempt(root, memory_bytes, lambda: handler.program(os.environ, image))
    if isinstance(module, str):
        return serving(module, _accept())

    def load(folder: Path) -> handler.Transform:
        multi_model.check_unshadowed(folder, os.environ["SAGEMAKER_PROGRAM"])
        return handler.bind(module, folder, image)

    return multi_model.ModelServer(load, _accept(), multi_model.max_request_bytes(os.environ))


def _accept() -> str:
    return os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", encoders.JSON)


def _attempt(root: Path, memory_bytes: int | None, load: Callable[[], T]) -> T | str:
    """Install the user's code and call `load`, or return (str) why that failed."""
    began = time.monotonic()
    try:
        handler.install(root, os.environ)
        if memory_bytes is not None:
            confinement.limit_memory(memory_bytes)
        loaded = load()
    except Exception as error:
        if memory_bytes is not None:
            confinement.lift_memory_limit()
        traceback.print_exc()
        return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    program = os.environ["SAGEMAKER_PROGRAM"]
    logger.info("%s is loaded in %.1f s", program, time.monotonic() - began)
    return loaded


def _end_with_parent() -> None:
    """End this process when its standard input ends; hide that input from the user's code."""
    pipe = os.dup(sys.stdin.fileno())
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())

    def wait() -> None:
        os.read(pipe, 1)
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()
