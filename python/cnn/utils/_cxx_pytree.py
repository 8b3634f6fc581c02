"""PyTorch's second implementation of trees, in C++; there is one here."""

raise ImportError("cnn has no trees in C++ (optree): use cnn.utils._pytree", name=__name__)
