"""The only place that knows HTTP, the token and the vendor's JSON."""
