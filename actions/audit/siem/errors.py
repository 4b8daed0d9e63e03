"""The error of a batch that a target did not acknowledge."""


class DeliveryFailed(Exception):
    """The target did not acknowledge the batch, so all of it is sent again.

    The text is fit to show and contains no secret.
    """
