"""What samples are put together from, byte by byte."""
