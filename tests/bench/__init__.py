"""`python -m tests.bench`: measure the engine's bounds, and alternatives beside it.

One figure is one function in a module of this package; its docstring says what it measures and
how, and is printed below the table. The list of figures is in `figures.py`. Each runs in a
process of its own, with its own database, Redis and vendor. Calls and devices are counted in the
vendor's own log.
"""
