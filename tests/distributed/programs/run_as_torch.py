"""Runs a program beside this one with cnn in torch's place, as python -m cnn does."""

import os
import sys

program = os.path.join(os.path.dirname(os.path.abspath(__file__)), sys.argv[1])
os.execv(sys.executable, [sys.executable, "-m", "cnn", program, *sys.argv[2:]])
