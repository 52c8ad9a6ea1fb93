"""The five steps of a checkout as HTTP endpoints, in aiohttp.web."""
