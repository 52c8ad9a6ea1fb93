"""Build the distributions, look into them, and run the tests against the installed wheel.

``nox`` does it on every Python of the classifiers, and the one after them, that is on the ``PATH``.
The session that builds is ``dist``; what is after ``--`` is for pytest.
"""

from __future__ import annotations

import filecmp
import os
import shutil
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PYPROJECT = ROOT / "pyproject.toml"
PYTHONS = nox.project.python_versions(nox.project.load_toml(PYPROJECT))
PYTHONS += [f"3.{int(PYTHONS[-1].removeprefix('3.')) + 1}"]
BUILT = ROOT / ".nox" / "built"
INSTALLED = ROOT / ".ci" / "installed.py"
LARGEST = 400_000  # bytes; a wheel that grows beyond has taken something along

os.environ.pop("PYTHONPATH", None)
nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "uv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "no"


@nox.session
def dist(session: nox.Session) -> None:
    """Build the sdist and, from it, the wheel; inspect both."""
    session.install("build[uv]", "check-wheel-contents", "twine")
    shutil.rmtree(BUILT, ignore_errors=True)
    session.run("python", "-m", "build", "--installer=uv", f"--outdir={BUILT}")
    session.run("python", "-m", "build", "--installer=uv", "--wheel", f"--outdir={BUILT}/tree")
    (sdist,), (wheel,), (direct,) = map(BUILT.glob, ("*.tar.gz", "*.whl", "tree/*.whl"))
    if not filecmp.cmp(wheel, direct, shallow=False):
        session.error("the sdist builds another wheel than the tree")
    session.run("twine", "check", "--strict", sdist, wheel)
    package = ("--package=gett_checkout", "--toplevel=gett_checkout")
    session.run("check-wheel-contents", *package, wheel)
    session.log(f"{sdist.name}: {sdist.stat().st_size} bytes; {wheel.name}: {wheel.stat().st_size}")
    if wheel.stat().st_size > LARGEST:
        session.error("the wheel is too large")
    # What is left to test, without the package here, is the one installed.
    shutil.unpack_archive(sdist, BUILT, filter="data")
    shutil.rmtree(unpacked() / "gett_checkout")


@nox.session(python=PYTHONS, requires=["dist"])
def alone(session: nox.Session) -> None:
    """Use the wheel with no extra installed: import everything, place the demo's order."""
    session.install(wheel())
    session.run("uv", "pip", "check")
    session.chdir(session.create_tmp())
    session.run("python", "-W", "error", INSTALLED, PYPROJECT)
    session.run("gett-checkout", "demo", silent=True)


@nox.session(python=PYTHONS, requires=["dist"])
@nox.parametrize("dependencies", [nox.param(each, id=each) for each in ("oldest", "newest")])
def tests(session: nox.Session, dependencies: str) -> None:
    """Run the tests with the oldest or the newest dependencies that pyproject.toml allows."""
    chosen = []
    if dependencies == "oldest":
        lowest = Path(session.create_tmp(), "oldest.txt")
        extras = (f"--extra={each}" for each in ("all", "benchmarks", "examples"))
        compile_ = ("uv", "pip", "compile", "-q", "--no-deps", "--resolution=lowest-direct")
        session.run(*compile_, *extras, PYPROJECT, "-o", lowest, silent=True)
        chosen = ["-c", str(lowest)]
    session.install(f"{wheel()}[test]", *chosen)
    session.run("uv", "pip", "check")
    session.run("uv", "pip", "list")
    session.chdir(unpacked())
    session.run(
        "python", "-c", "import sys, gett_checkout as it; assert it.__file__.startswith(sys.prefix)"
    )
    session.run("pytest", "-q", "-p", "no:cacheprovider", *session.posargs)


def wheel() -> str:
    """The wheel that ``dist`` built."""
    return str(next(BUILT.glob("*.whl")))


def unpacked() -> Path:
    """The unpacked sdist without the package."""
    return next(each for each in BUILT.glob("gett_checkout-*") if each.is_dir())
