"""How much the choices of a protocol flatter, the split and the pixels that features see, and what balancing does.

The names in `__init__.pyi` are imported when they are first asked for, with the libraries behind them.
"""

import lazy_loader  # type: ignore[import-untyped]

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
