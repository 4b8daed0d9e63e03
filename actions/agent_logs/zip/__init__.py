"""Reading archives that somebody else made: no rows, no network, and nothing is ever extracted."""
