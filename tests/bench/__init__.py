"""`python -m tests.bench`: what the engine bounds, measured against what else one could use.

One figure is one function in a module of this package; its docstring says what it measures and
how, and is printed below the table. The list of figures is in `figures.py`. Each runs in a
process of its own, with its own database, Redis and vendor. What the vendor's own log says is
the judge, wherever calls or devices are counted.
"""
