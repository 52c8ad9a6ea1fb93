"""Two small web backends around the library, to copy from."""
