"""Devices that a person has chosen, frozen so that the confirmed devices are the ones acted on.

Others call `choose.choose_devices` (devices of the list), `uploads.choose_matched` (devices of an
uploaded list) and `preview.preview` (what the vendor will do with them).
"""
