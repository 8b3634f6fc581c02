"""The parts that Module is made of: calling, converting, state and hooks."""
