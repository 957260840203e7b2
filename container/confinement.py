"""Limits of a container: it gets only its share of memory, and on request no network."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import logging
import os
import resource
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

logger = logging.getLogger("container")

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
"""Constants of Linux's sched.h and if.h."""

_LOOKUPS = frozenset(
    f"socket.{name}" for name in ("getaddrinfo", "gethostbyname", "gethostbyaddr", "getnameinfo")
)
_SENDING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


def limit_memory(limit_bytes: int) -> None:
    """Let this process, and each that it starts, hold at most so many bytes of memory.

    RLIMIT_DATA counts memory that is written to. Unlike RLIMIT_AS, it counts neither files that are
    mapped for reading nor address space that is only reserved. Only Linux enforces it.
    """
    if sys.platform != "linux":
        logger.warning("the memory is not limited: %s does not enforce it", sys.platform)
        return
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    if most != resource.RLIM_INFINITY:
        limit_bytes = min(limit_bytes, most)
    resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, most))


def lift_memory_limit() -> None:
    """Undo `limit_memory`: to report that memory was missing takes memory."""
    if sys.platform != "linux":
        return
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def cut_network() -> None:
    """Cut this process, and what it starts, off the network; it keeps the sockets that it has.

    Call this while there is one thread. Where the kernel refuses, Python does what it can.
    """
    try:
        _enter_empty_namespace()
    except OSError as error:
        sys.addaudithook(refuse_network)
        logger.warning(
            "no network: Python refuses its own connections, but cannot refuse those of other "
            "programs and native libraries (there is no network namespace: %s)", error,
        )  # fmt: skip
    else:
        logger.info("no network: the container is in a network namespace of its own")


def _enter_empty_namespace() -> None:
    """Move this process to a network namespace of its own; raises OSError if there is none."""
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, f"{sys.platform} has no network namespaces")
    user, group = os.geteuid(), os.getegid()
    try:
        _unshare(_CLONE_NEWNET)
    except PermissionError:
        # In a user namespace of its own, every process may make a network namespace.
        _unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
        with suppress(OSError):  # only the user's name would be lost
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    # The loopback is the container's own, as on AWS, and starts out down.
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def _unshare(flags: int) -> None:
    """Call unshare(2), which `os` has only since Python 3.12."""
    if ctypes.CDLL(None, use_errno=True).unshare(flags):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse (OSError), as an audit hook, every use of the network."""
    if event in _LOOKUPS or (
        event in _SENDING and arguments[0].family in (socket.AF_INET, socket.AF_INET6)
    ):
        raise OSError(errno.ENETUNREACH, "the container has no network")
