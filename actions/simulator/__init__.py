"""A faithful vendor over real HTTP, for the demo and for the tests.

It stands alone: it reads the vendor's documentation for itself and imports nothing of the console,
so that a misreading on either side shows. What the documentation leaves open is in Assumptions.
"""

from actions.simulator.assumptions import Assumptions
from actions.simulator.faults import FAULTS, Fault
from actions.simulator.fleet import SimDevice, SimGroup
from actions.simulator.handler import Received
from actions.simulator.simulator import Simulator

__all__ = [
    "FAULTS",
    "Assumptions",
    "Fault",
    "Received",
    "SimDevice",
    "SimGroup",
    "Simulator",
]
