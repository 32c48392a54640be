"""How much the choices of a protocol flatter, the split and the pixels that features see, and what balancing does."""
