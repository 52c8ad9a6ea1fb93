"""Gett's HTTP API on paper: operations, requests, answers and problem documents. No network."""
