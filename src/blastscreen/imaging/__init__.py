"""From the bytes of an image file to a standardised cell: decoding, masks, quality checks, canvas."""
