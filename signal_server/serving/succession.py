"""Follows who is champion and who challenges, and changes the line-up without a restart."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from signal_server.core.errors import SignalServerError
from signal_server.serving.engine import Engine
from signal_server.serving.model_health import Drift
from signal_server.serving.served import ServedModel

logger = logging.getLogger(__name__)

EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Posts:
    """The versions that should play."""

    champion: str
    challengers: tuple[str, ...] = ()


class Succession:
    """Looks every few seconds at what the registry says.

    A version that cannot be served is refused by name, and the last good one goes on; it is tried
    again when the registry says something new. `problems` has the reasons by version.
    """

    def __init__(
        self,
        engine: Engine,
        posts: Callable[[], Posts],
        open_model: Callable[[str], ServedModel],
    ) -> None:
        """Take the posts from `posts` and versions from `open_model`; both may raise."""
        self._engine = engine
        self._posts = posts
        self._open_model = open_model
        self._seen: Posts | None = None
        self._unread = ""
        self.problems: dict[str, str] = {}

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Look once, and change the line-up if it is to be another."""
        posts = await asyncio.to_thread(self._read)
        if posts is None or posts == self._seen:
            return
        self._seen = posts
        before = self._engine.champion.version
        opened, problems = await asyncio.to_thread(self._open, posts)
        champion = opened.get(posts.champion, self._engine.champion)
        challengers = [opened[version] for version in posts.challengers if version in opened]
        problems |= await self._engine.use(lambda lineup: lineup.change(champion, challengers))
        self.problems = problems
        self._log(before)

    def told_with(self, drift: Drift) -> Drift:
        """Return what the drift monitor says, and what stands against versions."""
        reasons = [f"{version} cannot be served: {why}" for version, why in self.problems.items()]
        said = [part for part in (drift.reason, self._unread, *reasons) if part]
        return replace(drift, reason="; ".join(said))

    def _read(self) -> Posts | None:
        try:
            posts = self._posts()
        except SignalServerError as error:
            if str(error) != self._unread:
                logger.error("who is champion cannot be told: %s", error)
            self._unread = str(error)
            return None
        self._unread = ""
        return posts

    def _open(self, posts: Posts) -> tuple[dict[str, ServedModel], dict[str, str]]:
        """Return the versions that play already or can be opened, and what is wrong with others."""
        opened = {model.version: model for model in self._engine.models}
        problems: dict[str, str] = {}
        for version in (posts.champion, *posts.challengers):
            try:
                opened[version] = opened.get(version) or self._open_model(version)
            except SignalServerError as error:
                problems[version] = str(error)
        return opened, problems

    def _log(self, before: str) -> None:
        for version, why in self.problems.items():
            logger.error("version %s is refused: %s", version, why)
        champion, *challengers = self._engine.models
        if champion.version != before:
            logger.warning("%s %s serves now, after %s", champion.id, champion.version, before)
        if challengers:
            logger.info("in shadow: %s", ", ".join(model.version for model in challengers))
