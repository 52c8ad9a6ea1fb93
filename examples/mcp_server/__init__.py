"""The checkout as tools of an MCP server."""
