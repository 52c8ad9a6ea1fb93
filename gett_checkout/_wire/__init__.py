"""Gett's HTTP API without the network: operations, requests, responses and problem documents."""
