"""What an editor sees: files that mypy and pyright read, both strict, and nobody runs."""
