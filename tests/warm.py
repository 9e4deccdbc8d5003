"""A Python that starts warm: for tests that run many programs, which would each take seconds to load torch and Lightning.

One process loads them; whoever runs the program `python()` with `-m MODULE ARGUMENTS` has the module run as a fork of
that process, in its own folder, environment, input and outputs, and ends with its status.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib
import json
import os
import runpy
import select
import socket
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

LOADED = ("svs.sing", "svs.training", "svs.release", "data_prep.features", "data_prep.latents", "data_prep.begin")
CALLER = """#!{python} -SE
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(server, [len(asked).to_bytes(8, "big")], [0, 1, 2])
server.sendall(asked)
ended = server.recv(1)
sys.exit(ended[0] if ended else 1)
"""


@functools.cache
def python() -> str:
    """Path of the program; its process ends with the one that asked for it first."""
    folder = Path(tempfile.mkdtemp(prefix="warm"))
    address = str(folder / "socket")
    caller = folder / "python"
    caller.write_text(CALLER.format(python=sys.executable, address=address))
    caller.chmod(0o700)
    root = Path(__file__).parent.parent
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    command = [sys.executable, __file__, address]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    atexit.register(process.communicate)  # closes its input, which ends it
    assert process.stdout.readline() == b"ready\n"
    return str(caller)


def serve(address: str) -> None:
    """Run what is asked for until the standard input ends."""
    for name in LOADED:
        importlib.import_module(name)
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen()
    print("ready", flush=True)
    while sys.stdin not in select.select([server, sys.stdin], [], [])[0]:
        connection, _ = server.accept()
        if os.fork() == 0:
            server.close()
            answer(connection)
        connection.close()
        with contextlib.suppress(ChildProcessError):  # there is none
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def answer(connection: socket.socket) -> None:
    """Run one module in a process of its own, and send its status. Does not return."""
    length, files, _, _ = socket.recv_fds(connection, 8, 3)
    with connection.makefile("rb") as stream:
        arguments, folder, environment = json.loads(stream.read(int.from_bytes(length, "big")))
    if process := os.fork():
        connection.send(bytes([os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) & 0xFF]))
        os._exit(0)  # libraries wait at their exit for threads that no fork has
    connection.close()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    flag, module, *rest = arguments
    assert flag == "-m"
    sys.argv, sys.path[0] = [module, *rest], folder
    sys.modules.pop(module, None)  # it is run anew, under the name __main__
    status = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    serve(sys.argv[1])
