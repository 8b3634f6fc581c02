"""Parts of PyTorch's package that packages import."""

from ... import _absent

_absent.explain(__name__, ("optimization", "proxy_tensor", "symbolic_shapes"))
