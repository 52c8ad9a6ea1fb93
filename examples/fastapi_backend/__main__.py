"""Run it: ``python -m examples.fastapi_backend --workers 2``."""

from __future__ import annotations

import argparse

import uvicorn

from examples.shop import Settings
from gett_checkout import InvalidInputError


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m examples.fastapi_backend")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    try:
        Settings.from_environment()  # else every worker would find out for itself, again and again
    except InvalidInputError as error:
        parser.error(str(error))
    app = "examples.fastapi_backend.app:create_app"
    uvicorn.run(app, factory=True, host=options.host, port=options.port, workers=options.workers)


if __name__ == "__main__":
    main()
