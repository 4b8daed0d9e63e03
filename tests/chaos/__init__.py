"""Chaos: real processes, a hostile vendor, and somebody who kills and cuts at random."""
