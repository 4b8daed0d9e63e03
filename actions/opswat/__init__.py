"""The vendor's client: the only code that knows HTTP, the token and the vendor's JSON.

It takes values and returns values; it knows no Django and no rows. Others use `client.VendorClient`
(one HTTP call a method), the values of `payloads` and the errors of `errors`.
"""
