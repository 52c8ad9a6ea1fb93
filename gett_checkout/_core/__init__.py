"""The checkout as plain values and pure functions: no async, no clock, no network, no disk."""
