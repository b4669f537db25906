"""A process that is killed in the middle of its trading leaves a whole account behind."""

import asyncio
import signal
import sys
from pathlib import Path

from tests.hummingbot_scripts.paper.markets import account_in
from tests.hummingbot_scripts.paper.test_account_properties import check

LINES = 15
TRADER = """
import sys
from itertools import cycle
from pathlib import Path
from tests.hummingbot_scripts.paper.markets import *
account = account_in(Path(sys.argv[1]), USD="10000", BTC="0.2")
for number, wanted in enumerate(cycle([buy("0.003"), sell("0.003"), buy("0.001", "59990.0")])):
    account.add(wanted, PAIR, book(size="0.001"), NOW)
    account.follow(PAIR, book(59_980), NOW)
    print(number, flush=True)
"""


async def test_nothing_is_half_written_when_the_process_is_killed(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", TRADER, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    for _ in range(LINES):
        await process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    await process.wait()
    account = account_in(tmp_path, USD="1")
    assert len(account.orders) >= LINES
    check(account)
