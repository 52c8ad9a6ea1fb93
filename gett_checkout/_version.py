"""The version, defined once: the package, its distribution and the User-Agent header read it here."""

__version__ = "0.2.0"
