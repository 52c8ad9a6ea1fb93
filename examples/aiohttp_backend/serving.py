"""Several worker processes behind one socket."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
from collections.abc import Callable

from aiohttp import web


def serve(app: Callable[[], web.Application], host: str, port: int, workers: int) -> None:
    """Run that many processes until told to end; all of them take connections from one socket.

    One that dies is not replaced; in production, gunicorn with ``aiohttp.GunicornWebWorker`` does that.
    """
    with socket.create_server((host, port)) as listening:
        spawn = multiprocessing.get_context("spawn")
        processes = [spawn.Process(target=_work, args=(app, listening)) for _ in range(workers)]

        def end(*_: object) -> None:
            for process in processes:
                process.terminate()

        for process in processes:
            process.start()
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, end)
        for process in processes:
            process.join()


def _work(app: Callable[[], web.Application], listening: socket.socket) -> None:
    """One worker; told to end, it first answers what it is at."""
    os.setpgrp()  # Ctrl-C goes to the first process alone, which tells each worker once
    web.run_app(app(), sock=listening, print=None)
