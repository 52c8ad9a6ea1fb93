"""Backends that show the library at work; each of them is run by the tests."""
