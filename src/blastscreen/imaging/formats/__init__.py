"""One module per file format: each judges the header before it allocates a pixel, then decodes 8-bit RGB as stored.

As stored means: no EXIF rotation, no colour profile, no gamma, no scaling. What is not 8-bit RGB is rejected, not
converted, because a conversion would put numbers into the features that nobody measured.
"""
