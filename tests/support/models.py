"""A model that says what the test wrote."""

import asyncio


class ScriptedModel:
    """Plays one list of events a turn; an exception among them is raised, an Event is waited for."""

    name, offline = "scripted", True

    def __init__(self, *turns):
        self.turns = list(turns)
        self.requests = []
        self.waiting = asyncio.Event()

    async def stream(self, request):
        self.requests.append(request)
        for event in self.turns.pop(0):
            if isinstance(event, BaseException):
                raise event
            if isinstance(event, asyncio.Event):
                self.waiting.set()
                await event.wait()
            else:
                yield event
