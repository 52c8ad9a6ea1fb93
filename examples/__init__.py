"""Backends around the library: two small ones to copy from, and the storefront's workers."""
