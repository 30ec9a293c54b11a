"""The functional core: decides everything, touches nothing.

No module below this package does I/O, reads a clock, draws a random number or logs.
What it needs of those comes in as arguments; what it wants done goes out as values.
"""
