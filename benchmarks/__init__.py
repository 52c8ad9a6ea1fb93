"""Benchmarks of the library's cost."""
