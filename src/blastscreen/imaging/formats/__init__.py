"""One module per file format: each judges the header before it allocates a pixel, then decodes 8-bit RGB as stored.

What is cut, damaged, too large or anything else than one frame of 8-bit RGB raises `ImageRejected`.
"""
