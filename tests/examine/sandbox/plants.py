"""Files that make a decoder die, hang or use up memory, with a plug-in that only the tests load.

``install`` makes a ``sitecustomize`` module that workers import as they start. It wraps Pillow's
``Image.open``: a picture whose bytes hold one of the marks below meets its fate there, inside the
decoder, as a hostile file would bring it about.
"""

from __future__ import annotations

import io
from pathlib import Path
from textwrap import dedent

from pictures import photo

KILL, SEGV, MEMORY, HANG, SLOW, EXIT, BUG, GARBAGE = (
    f"PLANT:{name}".encode()
    for name in ("kill", "segv", "memory", "hang", "slow", "exit", "bug", "garbage")
)

_PLUG_IN = """
    import ctypes, io, os, signal, socket, sys, threading, time
    from PIL import Image

    def _kill():
        signal.pthread_kill(threading.get_ident(), signal.SIGKILL)

    def _segv():
        ctypes.string_at(0)

    def _memory():
        libc = ctypes.CDLL(None)
        libc.malloc.restype = ctypes.c_void_p
        libc.malloc.argtypes = [ctypes.c_size_t]
        while True:
            block = libc.malloc(1 << 24)
            if not block:
                os.abort()
            ctypes.memset(block, 1, 1 << 24)

    def _hang():
        ctypes.CDLL(None).prctl(15, b"hanging", 0, 0, 0)  # PR_SET_NAME
        while True:
            time.sleep(3600)

    def _exit():
        os._exit(0)

    class Surprise(Exception):
        pass  # no decoder raises it, so nobody takes it for a broken picture

    def _bug():
        raise Surprise("a mistake of ours")

    def _slow():
        time.sleep(0.5)

    def _garbage():
        # Descriptor 3 is a worker's channel
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=3)
        channel.sendall(GARBAGE)
        channel.detach()

    GARBAGE = bytes.fromhex("{garbage}")
    _open = Image.open

    def planted_open(file, *args, **kwargs):
        if isinstance(file, io.BytesIO):
            data = file.getvalue()
            place = data.find(b"PLANT:")
            if place >= 0:
                name = data[place + 6 : place + 16].split(b";")[0].decode()
                globals()["_" + name]()
        return _open(file, *args, **kwargs)

    if any(part.endswith(("zygote", "nursery.py")) for part in sys.orig_argv):
        Image.open = planted_open
"""


def hangs(pid: int) -> bool:
    """Whether a worker has reached a picture that hangs."""
    try:
        return Path(f"/proc/{pid}/comm").read_bytes() == b"hanging\n"
    except (FileNotFoundError, ProcessLookupError):
        return False


def install(folder: Path, garbage: bytes = b"\0\0\0\4true") -> Path:
    """Write the plug-in into a folder that goes on ``sys.path`` or ``PYTHONPATH``.

    Args:
        folder: where to.
        garbage: what a file with the mark ``GARBAGE`` sends to the supervisor.
    """
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(dedent(_PLUG_IN).replace("{garbage}", garbage.hex()))
    return folder


def picture(seed: int = 1, mark: bytes = b"", side: int = 48) -> bytes:
    """A small JPEG, with a mark in its comment, and padding at its end, so that Pillow opens it."""
    file = io.BytesIO()
    photo(seed, side, side).save(file, "JPEG", quality=85, comment=mark + b";")
    return file.getvalue() + b"\0"


def marked(data: bytes, mark: bytes) -> bytes:
    """The same JPEG with another comment (marker FFFE after the start of the image)."""
    comment = mark + b";"
    return data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:]
