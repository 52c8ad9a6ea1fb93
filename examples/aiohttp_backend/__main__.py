"""Run it: ``python -m examples.aiohttp_backend --workers 2``."""

from __future__ import annotations

import argparse

from examples.aiohttp_backend.app import create_app
from examples.aiohttp_backend.serving import serve
from examples.shop import Settings
from gett_checkout import InvalidInputError


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m examples.aiohttp_backend")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    try:
        Settings.from_environment()  # else every worker would find out for itself
    except InvalidInputError as error:
        parser.error(str(error))
    serve(create_app, options.host, options.port, options.workers)


if __name__ == "__main__":
    main()
