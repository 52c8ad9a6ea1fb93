"""The storefront in several worker processes over one storage."""
