"""What a choice changes on cells that were held out: the split, the pixels that features see, balanced classes."""
