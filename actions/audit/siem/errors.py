"""What goes wrong on the way: nothing that was not acknowledged counts as sent."""


class DeliveryFailed(Exception):
    """The target did not acknowledge, so all of it is sent again; fit to show, with no secret."""
