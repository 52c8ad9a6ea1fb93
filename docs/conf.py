"""How the documentation is built: ``python -m sphinx -W -n --keep-going docs OUT``. Needs no network."""

import gc
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
gc.disable()  # a third of the build's time, and the process ends with it

from gett_checkout._version import __version__

project = "gett_checkout"
author = "The gett_checkout developers"
project_copyright = author
release = version = __version__

extensions = ["sphinx.ext.autodoc", "myst_parser", "gett_docs.extension"]
exclude_patterns = ["_build", "gett_docs"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
nitpick_ignore_regex = [
    # The standard library and the drivers: their inventories would have to be fetched.
    (
        r"py:.*",
        r"(_?asyncio|abc|aiohttp|argparse|asyncpg|builtins|collections|contextlib|datetime|decimal"
        r"|enum|fastapi|logging|opentelemetry|os|pathlib|pytest|redis|sqlite3|starlette|types|typing)\..*",
    ),
    (r"py:.*", r"Decimal|datetime"),
    (r"py:class", r"gett_checkout\.\w+\.T|gett_checkout\.web\.\w+\.R(_co)?"),
    # Parts of the sandbox's own records.
    (r"py:class", r"gett_checkout\.sandbox\.\w+\.(Address|Amounts|Cart|Customer)"),
]

html_theme = "furo"
html_title = f"gett_checkout {release}"
html_static_path = ["_static"]
html_css_files = ["gett.css"]
html_extra_path = ["stages.svg", "trace.svg"]  # where the Markdown of a page links to them
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"
pygments_dark_style = "github-dark"
