"""What an installed wheel without extras must hold: ``python -W error installed.py pyproject.toml``."""

import importlib
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import gett_checkout

for name in gett_checkout.__all__:
    getattr(gett_checkout, name)
for name in (
    *("actions", "catalog", "operations", "sandbox"),
    *("storage.sqlite", "testing", "views", "webhooks"),
):
    importlib.import_module(f"gett_checkout.{name}")
loaded = {"asyncpg", "babel", "cryptography", "pytest", "redis"} & set(sys.modules)
assert not loaded, loaded

project = tomllib.loads(Path(sys.argv[1]).read_text())["project"]
installed = distribution("gett-checkout")
metadata = installed.metadata
assert Path(gett_checkout.__file__).is_relative_to(sys.prefix), gett_checkout.__file__
assert metadata["Version"] == gett_checkout.__version__, metadata["Version"]
assert metadata["Requires-Python"] == project["requires-python"], metadata["Requires-Python"]
assert metadata["License-Expression"] == project["license"], metadata["License-Expression"]
extras = set(metadata.get_all("Provides-Extra", []))
assert extras == set(project["optional-dependencies"]), extras
commands = {each.name for each in installed.entry_points}
assert commands == {*project["scripts"], *project["entry-points"]["pytest11"]}, commands
assert any(each.match("licenses/LICENSE") for each in installed.files or ()), "no licence"
