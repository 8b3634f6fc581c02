"""Speed of cnn beside PyTorch: `python -m benchmarks`."""
