"""What the trader works with."""

from dataclasses import dataclass

from .clock import Clock
from .desk import Desk
from .exchange import Exchange
from .halting import HaltKeeper
from .journal import Journal
from .links import ServerLinks
from .ordering import Orders
from .positions import PositionBook


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything around the trader, as the script has built it."""

    exchange: Exchange
    journal: Journal
    book: PositionBook
    links: ServerLinks
    desk: Desk
    orders: Orders
    halts: HaltKeeper
    clock: Clock
