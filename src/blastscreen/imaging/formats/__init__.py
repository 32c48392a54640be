"""One module per file format: each judges the header before it allocates a pixel, then decodes 8-bit RGB as stored."""
