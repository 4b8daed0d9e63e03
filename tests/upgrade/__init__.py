"""Proof that an installation of the first version with data upgrades without loss."""
