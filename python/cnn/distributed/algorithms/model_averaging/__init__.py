"""Averages of models of many processes."""
