"""Cities and airports as people name them, in their own words.

Reading order: `place` (the values), `wording` (words that are not places, and words that lead to one),
`corrections` (what the data sets lack), `gazetteer` (names out of the public data sets), `directory`
(what callers use).
"""

from chatbot.places.directory import PlaceDirectory
from chatbot.places.place import Mention, Place

__all__ = ["Mention", "Place", "PlaceDirectory"]
