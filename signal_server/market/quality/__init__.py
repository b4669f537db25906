"""Whether a bar can be used: the same answers for a frame of history and for one live bar."""

from signal_server.market.quality.checker import BarChecker as BarChecker
from signal_server.market.quality.frame import Checked as Checked
from signal_server.market.quality.frame import check_frame as check_frame
from signal_server.market.quality.unusual import CONTEXT_BARS as CONTEXT_BARS
from signal_server.market.quality.vocabulary import BarFault as BarFault
from signal_server.market.quality.vocabulary import BarFlag as BarFlag
from signal_server.market.quality.vocabulary import flags_of as flags_of
