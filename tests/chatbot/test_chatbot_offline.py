"""The offline model in conversation: what it asks, searches and says."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatbot.models import (
    ModelMessage,
    ModelRequest,
    TextBlock,
    TextDelta,
    ToolResultBlock,
    ToolSpec,
    ToolUse,
    TurnEnd,
)
from chatbot.models.offline import OfflineModel
from chatbot.places import PlaceDirectory

TODAY = date(2026, 11, 22)
SEARCH = ToolSpec("search_flights", "Search flights.", {"type": "object"})
INTRODUCTIONS = ("offline demo", "demonstração offline", "demostración sin conexión")


@dataclass
class Chat:
    """A conversation with a model, kept as its history."""

    model: OfflineModel
    tools: tuple[ToolSpec, ...] = (SEARCH,)
    messages: list[ModelMessage] = field(default_factory=list)
    uses: list[ToolUse] = field(default_factory=list)

    async def say(self, text: str) -> str:
        """One message of the user; searches are answered with a result that found nothing."""
        answer = await self.send(TextBlock(text))
        if isinstance(self.messages[-1].content[-1], ToolUse):
            await self.send(ToolResultBlock(self.uses[-1].id, {"error": "away"}, is_error=True))
        return answer

    async def send(self, *blocks: Any) -> str:
        self.messages.append(ModelMessage("user", blocks))
        events = [event async for event in self.model.stream(ModelRequest(self.messages, self.tools))]
        text = "".join(event.text for event in events if isinstance(event, TextDelta))
        uses = [event for event in events if isinstance(event, ToolUse)]
        self.uses += uses
        self.messages.append(ModelMessage("assistant", (TextBlock(text), *uses)))
        return text

    @property
    def input(self) -> Mapping[str, Any]:
        return self.uses[-1].input


@pytest.fixture
def chat(places: PlaceDirectory) -> Chat:
    return Chat(OfflineModel(places, today=lambda: TODAY, pace=0))


def trip(origin: str, destination: str, departure: str, **more: Any) -> dict[str, Any]:
    return {"origin": origin, "destination": destination, "departure_date": departure, "adults": 1} | more


UTTERANCES = [
    ("flights from São Paulo to Lisbon on 12 December", trip("SAO", "LIS", "2026-12-12")),
    ("GRU to LIS 12/12", trip("GRU", "LIS", "2026-12-12")),
    ("gru-lis tomorrow", trip("GRU", "LIS", "2026-11-23")),
    ("to Paris from London next Friday", trip("LON", "PAR", "2026-11-27")),
    ("I live in Madrid and want to go to Rome in two weeks", trip("MAD", "ROM", "2026-12-06")),
    (
        "fly from JFK to Heathrow on Dec 3 in business class",
        trip("JFK", "LHR", "2026-12-03", travel_class="BUSINESS"),
    ),
    ("nonstop flights Lisbon → Porto tomorrow", trip("LIS", "OPO", "2026-11-23", non_stop=True)),
    (
        "from New York to Tokyo, 12-20 December, 2 adults and a child",
        trip("NYC", "TYO", "2026-12-12", return_date="2026-12-20", adults=2, children=1),
    ),
    (
        "Miami to Bogotá on 2026-12-24 returning on the 30th under 500 USD",
        trip("MIA", "BOG", "2026-12-24", return_date="2026-12-30", max_price=500, currency="USD"),
    ),
    (
        "from Rome to Paris and back to Rome, 12-14 December",
        trip("ROM", "PAR", "2026-12-12", return_date="2026-12-14"),
    ),
    ("between Lisbon and Madrid on the 30th", trip("LIS", "MAD", "2026-11-30")),
    (
        "cheapest flight from Toronto to Dubai tomorrow for 10 days",
        trip("YTO", "DXB", "2026-11-23", return_date="2026-12-03"),
    ),
    ("FLIGHTS FROM LONDON TO MUNICH TOMORROW", trip("LON", "MUC", "2026-11-23")),
    ("one way from Geneva to Milan today", trip("GVA", "MIL", "2026-11-22")),
    ("voos de São Paulo para Lisboa em 12 de dezembro", trip("SAO", "LIS", "2026-12-12")),
    ("quero voar para Londres saindo de Lisboa amanhã", trip("LIS", "LON", "2026-11-23")),
    ("passagem do Rio pra Nova York dia 30", trip("RIO", "NYC", "2026-11-30")),
    (
        "voo direto de Guarulhos para o Porto na próxima sexta",
        trip("GRU", "OPO", "2026-11-27", non_stop=True),
    ),
    (
        "ida e volta São Paulo - Paris, ida 12/12, volta 20/12, dois adultos e um bebê",
        trip("SAO", "PAR", "2026-12-12", return_date="2026-12-20", adults=2, infants=1),
    ),
    (
        "moro em Brasília e quero ir para Miami daqui a 3 semanas até 3000 reais",
        trip("BSB", "MIA", "2026-12-13", max_price=3000, currency="BRL"),
    ),
    (
        "de Munique para Genebra, classe executiva, depois de amanhã",
        trip("MUC", "GVA", "2026-11-24", travel_class="BUSINESS"),
    ),
    ("Recife a Fortaleza no fim de semana para 3 pessoas", trip("REC", "FOR", "2026-11-28", adults=3)),
    ("voos do Porto para Madri em 1º de janeiro", trip("OPO", "MAD", "2027-01-01")),
    ("vuelos de Madrid a Buenos Aires el 3 de enero", trip("MAD", "BUE", "2027-01-03")),
    ("quiero volar a la Ciudad de México desde París mañana", trip("PAR", "MEX", "2026-11-23")),
    ("desde Bogotá hasta Cancún el próximo viernes", trip("BOG", "CUN", "2026-11-27")),
    ("vuelo Lima-Cusco pasado mañana sin escalas", trip("LIM", "CUZ", "2026-11-24", non_stop=True)),
    (
        "ida y vuelta de Santiago a Nueva York del 12 al 20 de diciembre",
        trip("SCL", "NYC", "2026-12-12", return_date="2026-12-20"),
    ),
    (
        "saliendo de Barcelona hacia Londres el 5 de enero por una semana",
        trip("BCN", "LON", "2027-01-05", return_date="2027-01-12"),
    ),
    (
        "dos adultos y un niño de Quito a Miami dentro de dos semanas",
        trip("UIO", "MIA", "2026-12-06", adults=2, children=1),
    ),
    (
        "billetes de Sevilla a Roma el sábado en clase turista",
        trip("SVQ", "ROM", "2026-11-28", travel_class="ECONOMY"),
    ),
]


@pytest.mark.parametrize(("text", "expected"), UTTERANCES)
async def test_a_complete_request_becomes_a_search(chat: Chat, text: str, expected: dict[str, Any]) -> None:
    """Route, dates, travelers and conditions of one sentence are the tool's input, and nothing else is."""
    await chat.say(text)
    assert dict(chat.input) == expected


FOLLOW_UPS = [
    ("and on the 14th?", {"departure_date": "2026-12-14"}),
    ("and from Porto?", {"origin": "OPO"}),
    ("what about Madrid?", {"destination": "MAD"}),
    ("business class?", {"travel_class": "BUSINESS"}),
    ("only direct flights", {"non_stop": True}),
    ("with return on the 20th", {"return_date": "2026-12-20"}),
    ("for 3 people", {"adults": 3}),
    ("under 800 euros", {"max_price": 800, "currency": "EUR"}),
    ("check again", {"refresh": True}),
    ("e para o Porto?", {"destination": "OPO"}),
    ("e se for no dia 15?", {"departure_date": "2026-12-15"}),
    ("atualize", {"refresh": True}),
    ("¿y a Roma?", {"destination": "ROM"}),
    ("¿y con un niño?", {"children": 1}),
    ("actualiza los precios", {"refresh": True}),
    ("cheapest?", {}),
    ("flights from São Paulo to Lisbon on 12 December", {}),
]


@pytest.mark.parametrize(("text", "change"), FOLLOW_UPS)
async def test_a_follow_up_changes_only_what_it_says(chat: Chat, text: str, change: dict[str, Any]) -> None:
    """The rest of the last search stays; a repeated question searches again."""
    await chat.say("flights from São Paulo to Lisbon on 12 December")
    await chat.say(text)
    assert [use.id for use in chat.uses] == ["tool-1", "tool-2"]
    assert dict(chat.input) == trip("SAO", "LIS", "2026-12-12") | change


QUESTIONS = [
    (["quero ir para Lisboa", "São Paulo", "dia 12"], trip("SAO", "LIS", "2026-12-12")),
    (["flights from London", "Paris", "tomorrow"], trip("LON", "PAR", "2026-11-23")),
    (["in Lisbon on 12 December", "I am in Madrid"], trip("MAD", "LIS", "2026-12-12")),
    (["vuelos a Roma", "desde Madrid", "12"], trip("MAD", "ROM", "2026-12-12")),
    (
        ["round trip Madrid to Paris tomorrow", "the 30th"],
        trip("MAD", "PAR", "2026-11-23", return_date="2026-11-30"),
    ),
    (["from San José to Miami tomorrow", "SJO"], trip("SJO", "MIA", "2026-11-23")),
    (["from San José to Miami tomorrow", "the second one"], trip("SJO", "MIA", "2026-11-23")),
    (["from San José to Miami tomorrow", "US"], trip("SJC", "MIA", "2026-11-23")),
    (["GRU to MIA on 12 Dec 2025", "12 december"], trip("GRU", "MIA", "2026-12-12")),
    (["GRU to MIA on 31 November", "30 november"], trip("GRU", "MIA", "2026-11-30")),
    (["flights in December from Madrid to Rome", "on the 12th"], trip("MAD", "ROM", "2026-12-12")),
    (["Lisbon to Lisbon tomorrow", "Madrid"], trip("LIS", "MAD", "2026-11-23")),
    (["to Xanadu from London tomorrow", "Paris"], trip("LON", "PAR", "2026-11-23")),
    (["10 adults from Lisbon to Madrid tomorrow", "9 adults"], trip("LIS", "MAD", "2026-11-23", adults=9)),
    (
        ["2 infants, Lisbon to Madrid tomorrow", "2 adults"],
        trip("LIS", "MAD", "2026-11-23", adults=2, infants=2),
    ),
    (["Lisbon to Madrid on 12 December 2028", "tomorrow"], trip("LIS", "MAD", "2026-11-23")),
    (["Rome or Paris", "Paris", "Lisbon", "tomorrow"], trip("LIS", "PAR", "2026-11-23")),
]


@pytest.mark.parametrize(("texts", "expected"), QUESTIONS)
async def test_what_is_missing_or_unclear_is_asked_first(
    chat: Chat, texts: list[str], expected: dict[str, Any]
) -> None:
    """Nothing is searched before the last answer; each question is one, and its answer fills the gap."""
    for text in texts[:-1]:
        assert "?" in await chat.say(text) or "code" in chat.messages[-1].content[0].text
        assert chat.uses == []
    await chat.say(texts[-1])
    assert dict(chat.input) == expected


async def test_a_past_date_is_named_in_the_question(chat: Chat) -> None:
    """The question repeats the date as it was understood."""
    assert "12 December 2025 is in the past" in await chat.say("GRU to MIA on 12 Dec 2025")


async def test_an_unknown_place_is_named_and_never_guessed(chat: Chat) -> None:
    """The name nobody knows comes back in the question."""
    assert "“Xanadu”" in await chat.say("flights to Xanadu from London tomorrow")


async def test_a_country_is_not_enough(chat: Chat) -> None:
    """A country leads to the question which of its cities."""
    assert "Portugal is a country" in await chat.say("flights to Portugal")


@pytest.mark.parametrize(
    "text", ["hello", "help", "who are you?", "olá", "quem é você?", "hola", "¿quién eres?", "tell me a joke"]
)
async def test_the_first_answer_says_that_this_is_not_claude(chat: Chat, text: str) -> None:
    """Whatever comes first, the answer names the offline demo and Claude, and searches nothing."""
    answer = await chat.say(text)
    assert any(words in answer for words in INTRODUCTIONS)
    assert "Claude" in answer
    assert chat.uses == []


async def test_later_answers_introduce_nothing(chat: Chat) -> None:
    """The introduction is said once."""
    assert "offline demo" in await chat.say("flights from Rome to Paris tomorrow")
    assert "offline demo" not in await chat.say("and on the 30th?")


async def test_booking_is_declined(chat: Chat) -> None:
    """The demo says that it only searches."""
    assert "cannot book" in await chat.say("book it")


async def test_the_user_is_answered_in_the_language_spoken(chat: Chat) -> None:
    """Each answer is in the language of the last message that told one."""
    assert "Em que dia" in await chat.say("voos de Roma para Paris")
    assert "2026" in await chat.say("12/12")
    assert "Buscando voos" in chat.messages[-3].content[0].text


async def test_a_relative_date_keeps_the_day_it_meant(places: PlaceDirectory) -> None:
    """In a conversation resumed a week later, the trip is still on the day that was searched."""
    today = TODAY
    chat = Chat(OfflineModel(places, today=lambda: today, pace=0))
    await chat.say("from Rome to Paris in two weeks")
    today = date(2026, 11, 29)
    await chat.say("business class?")
    assert chat.input["departure_date"] == "2026-12-06"


async def test_a_trimmed_history_still_has_its_trip(chat: Chat) -> None:
    """What the messages no longer say is taken from the search that was made."""
    await chat.say("from Rome to Paris on 12 December")
    del chat.messages[0]
    await chat.say("and on the 14th?")
    assert dict(chat.input) == trip("ROM", "PAR", "2026-12-14")


async def test_without_the_tool_nothing_is_called(chat: Chat) -> None:
    """A search that is understood but not possible is said to be so."""
    chat.tools = ()
    assert "not available" in await chat.say("flights from Rome to Paris tomorrow")
    assert chat.uses == []


RESULT = {
    "search": {
        "originLocationCode": "SAO",
        "destinationLocationCode": "LIS",
        "departureDate": "2026-12-12",
        "originName": "São Paulo",
        "destinationName": "Lisbon",
    },
    "count": 50,
    "more": True,
    "source": "live",
    "age_seconds": 0,
    "fetched_at": "2026-11-22T12:00:00Z",
    "cheapest_id": "1",
    "fastest_id": "7",
    "cheapest_non_stop_id": "7",
    "offers": [
        {
            "id": "1",
            "price": "512.30",
            "currency": "EUR",
            "outbound": {
                "from": "GRU",
                "to": "LIS",
                "departs": "2026-12-12T18:05:00",
                "arrives": "2026-12-13T09:40:00",
                "duration_minutes": 755,
                "stops": 1,
                "via": ["MAD"],
                "carrier": "Iberia",
                "flights": ["IB6824", "IB3102"],
            },
        },
        {
            "id": "7",
            "price": "688.00",
            "currency": "EUR",
            "outbound": {
                "from": "GRU",
                "to": "LIS",
                "departs": "2026-12-12T23:05:00",
                "arrives": "2026-12-13T12:00:00",
                "duration_minutes": 595,
                "stops": 0,
                "via": [],
                "carrier": "TAP Air Portugal",
                "flights": ["TP88"],
            },
        },
    ],
}


async def report(chat: Chat, question: str, result: Mapping[str, Any], *, is_error: bool = False) -> str:
    await chat.send(TextBlock(question))
    return await chat.send(ToolResultBlock(chat.uses[-1].id, result, is_error))


async def test_a_live_result_is_summarised(chat: Chat) -> None:
    """How many, the cheapest, the nonstop, times and prices, that it is live and not final."""
    answer = await report(chat, "flights from São Paulo to Lisbon on 12 December", RESULT)
    assert "50 offers" in answer
    assert "Cheapest: 512.30 EUR with Iberia: GRU\N{EN DASH}LIS, 18:05 to 09:40 (+1), " in answer
    assert "12 h 35 min, 1 stop in MAD".replace(" ", "\N{NO-BREAK SPACE}", 3) in answer
    assert "Cheapest nonstop: 688.00 EUR with TAP Air Portugal" in answer
    assert "were fetched live for this answer" in answer
    assert "checked again" in answer


async def test_a_cached_result_tells_its_age(chat: Chat) -> None:
    """An answer out of the cache says so, with its age, in the user's language and names."""
    answer = await report(
        chat,
        "voos de São Paulo para Lisboa em 12 de dezembro",
        RESULT | {"source": "cache", "age_seconds": 185},
    )
    assert "de São Paulo para Lisboa em 12 de dezembro de 2026" in answer
    assert "vêm do cache, consultados 3\N{NO-BREAK SPACE}min antes desta resposta" in answer
    assert "conferidos de novo" in answer


async def test_an_empty_result_is_said_to_be_empty(chat: Chat) -> None:
    """No flights are invented where none were found."""
    empty = {**RESULT, "count": 0, "offers": []}
    answer = await report(chat, "flights from São Paulo to Lisbon on 12 December", empty)
    assert "found no flights" in answer
    assert "asked live" in answer
    assert "prices" not in answer
    assert "EUR" not in answer


async def test_a_failed_search_is_said_plainly(chat: Chat) -> None:
    """The tool's own sentence is repeated; nothing else is claimed."""
    answer = await report(
        chat, "vuelos de Roma a París mañana", {"error": "The quota is spent."}, is_error=True
    )
    assert "no dio respuesta" in answer
    assert "The quota is spent." in answer


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("flights from Rome to Paris tomorrow", "took too long"),
        ("voos de Roma para Paris amanhã", "demorou demais"),
        ("vuelos de Roma a París mañana", "tardó demasiado"),
    ],
)
async def test_a_known_failure_is_said_in_the_user_s_language(chat: Chat, question: str, said: str) -> None:
    """The error's code is translated, and the tool's English sentence left out."""
    content = {"error": "No answer within 30 s.", "code": "tool_timeout"}
    answer = await report(chat, question, content, is_error=True)
    assert said in answer
    assert "30 s" not in answer


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(22, "22 s"), (59.9, "59 s"), (119, "1 min"), (7_500, "2 h 5 min"), (90_000, "1 d 1 h")],
)
async def test_an_age_is_rounded_down_as_on_the_page(chat: Chat, seconds: float, age: str) -> None:
    """Prose and badge never tell two different ages."""
    content = RESULT | {"source": "cache", "age_seconds": seconds}
    answer = await report(chat, "flights from São Paulo to Lisbon on 12 December", content)
    assert f"were {age} old when I answered" in answer.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("flights from São Paulo to Lisbon on 12 December, 4 adults", "13,695.56 EUR for 4 travelers"),
        ("voos de São Paulo para Lisboa em 12 de dezembro", "13.695,56 EUR para 4 viajantes"),
        ("vuelos de São Paulo a Lisboa el 12 de diciembre", "13.695,56 EUR para 4 viajeros"),
    ],
)
async def test_a_price_is_written_as_the_language_does(chat: Chat, question: str, said: str) -> None:
    """Points and commas are those of the language; for several travelers their number is told."""
    first, second = RESULT["offers"]
    search = RESULT["search"] | {"adults": "2", "children": "1", "infants": "1"}
    content = RESULT | {"search": search, "offers": [first | {"price": "13695.56"}, second]}
    assert said in await report(chat, question, content)


ANSWERS = [
    (["flights to Lisbon tomorrow", "São Paulo"], "Searching flights from São Paulo"),
    (
        ["flights from Lisbon to Rome on 10 December", "flights from Atlantis to Rome on 12 December"],
        "Atlantis”",
    ),
    (["flights from Lisbon to Rome on 10 December", "flights from Atlantisx to Lisbon"], "“Atlantisx”. From"),
    (
        ["flights from Lisbon to Rome on 10 December", "from lisbon to atlantisx on 12 december"],
        "“atlantisx”. Wh",
    ),
    (["flights from Lisbon to Rome on 10 December with return"], "On which day do you want to come back?"),
    (["return flights from Lisbon to Rome on 10 December"], "On which day do you want to come back?"),
    (["flights from Lisbon to Rome on 10 December"], "(1 adult)"),
    (
        ["flights from Lisbon to Rome on 10 December with TAP"],
        "cannot filter by airline or time of day. Sear",
    ),
    (["flights from Lisbon to Rome on 10 December", "in the evening?"], "cannot filter by airline or time"),
    (["voos de Lisboa para Roma amanhã de manhã"], "nem por horário. Buscando voos"),
    (["vuelos de Madrid a Roma mañana por la tarde con KLM"], "ni por horario. Buscando vuelos"),
    (["vuelos de Madrid a Roma mañana"], "Claude. Buscando vuelos"),
    (["boa noite, voos de Lisboa para Roma amanhã"], "Claude. Buscando voos"),
    (["flights from Sao Paolo to Lissabon tomorrow"], "from São Paulo (SAO) to Lisbon (LIS)"),
    (["flights from heathrow to rio tomorrow"], "from Heathrow (LHR) to Rio de Janeiro (RIO)"),
    (["voos de GRU para Londres amanhã"], "de GRU para Londres"),
    (["from San José to Miami tomorrow", "California"], "from San Jose (SJC) to Miami"),
    (["from San José to Miami tomorrow", "Costa Rica"], "from San José (SJO) to Miami"),
    (["from San José to Miami tomorrow", "Illinois"], "Which San José do you mean: San Jose (SJC, US)"),
    (["flights from Springfield to Miami tomorrow"], "Springfield (SPI, Illinois, US)"),
    (["flights from Lisbon to Rome yesterday"], "21 November 2026 is in the past"),
    (["voos para Roma anteontem"], "20 de novembro de 2026 já passou"),
    (["vuelos de Madrid a Roma ayer"], "El 21 de noviembre de 2026 ya pasó"),
    (["qual é o tempo em Lisboa?"], "Não entendi"),
    (["¿qué tiempo hace en Lisboa?"], "No lo entendí"),
    (["what is the capital of France?"], "did not understand"),
    (["voos de Lisboa para Paris no Natal"], "para Paris em 25 de dezembro de 2026"),
    (["voos de Lisboa para Natal amanhã"], "para Natal em 23 de novembro"),
    (["voos de Lisboa para o Natal amanhã"], "para Natal em 23 de novembro"),
    (["flights to Lisbon", "yesterday"], "21 November 2026 is in the past"),
    (
        ["return flights from Lisbon to Rome on 12 December", "one way"],
        "to Rome on 12 December 2026 (1 adult)",
    ),
    (["voos do Rio de Janeiro para o Porto amanhã"], "voos do Rio de Janeiro para o Porto em"),
    (["voos do Porto para o Rio de Janeiro amanhã"], "voos do Porto para o Rio de Janeiro em"),
    (["voos da Cidade do México para Roma amanhã"], "voos da Cidade do México para Roma em"),
]


@pytest.mark.parametrize(("texts", "said"), ANSWERS)
async def test_a_wish_is_echoed_as_understood_or_said_to_be_impossible(
    chat: Chat, texts: list[str], said: str
) -> None:
    """The last answer shows what was taken from the words, and what could not be."""
    answers = [await chat.say(text) for text in texts]
    assert said in answers[-1]


async def test_two_unknown_places_are_both_asked_for(chat: Chat) -> None:
    """Neither end of the earlier search comes back in silence."""
    for text in ("flights from Lisbon to Rome tomorrow", "flights from Xanadu to Atlantisx", "London"):
        answer = await chat.say(text)
    assert "fly to?" in answer
    assert len(chat.uses) == 1


@pytest.mark.parametrize(
    "text",
    [
        "flights from Lisbon to Rome on 10 December returning three days later",
        "voos de Lisboa para Roma em 10 de dezembro voltando três dias depois",
        "vuelos de Lisboa a Roma el 10 de diciembre, vuelta tres días después",
    ],
)
async def test_a_return_relative_to_the_departure_is_searched(chat: Chat, text: str) -> None:
    """Days later count from the departure."""
    await chat.say(text)
    assert chat.input["return_date"] == "2026-12-13"


async def test_a_relative_return_waits_for_its_departure(chat: Chat) -> None:
    """A stay said before the day of departure is kept."""
    await chat.say("flights from Lisbon to Rome returning a week later")
    await chat.say("12 December")
    assert chat.input["return_date"] == "2026-12-19"


@pytest.mark.parametrize("content", [{}, {"search": 1}, {"search": {}, "count": 3}, {**RESULT, "offers": []}])
async def test_a_result_that_cannot_be_read_is_not_guessed_at(chat: Chat, content: dict[str, Any]) -> None:
    """A malformed result leads to a plain sentence, not to an exception."""
    assert "cannot read" in await report(chat, "flights from Rome to Paris tomorrow", content)


async def test_words_come_at_the_pace_asked_for(places: PlaceDirectory) -> None:
    """Between two words lies one pause, and the words make the whole text."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    model = OfflineModel(places, today=lambda: TODAY, pace=0.25, sleep=sleep)
    request = ModelRequest([ModelMessage("user", (TextBlock("thanks"),))])
    deltas = [event.text async for event in model.stream(request) if isinstance(event, TextDelta)]
    assert pauses == [0.25] * (len(deltas) - 1)
    assert "".join(deltas).endswith("Ask whenever you want another search.")


async def test_closing_the_stream_stops_it(places: PlaceDirectory) -> None:
    """A closed generator sends no further word and ends no turn."""
    model = OfflineModel(places, today=lambda: TODAY, pace=0)
    stream = model.stream(ModelRequest([ModelMessage("user", (TextBlock("hello"),))]))
    assert isinstance(await anext(stream), TextDelta)
    await stream.aclose()
    assert [event async for event in stream] == []


async def test_the_limit_of_tokens_is_kept(places: PlaceDirectory) -> None:
    """A text longer than the limit ends early and says why."""
    model = OfflineModel(places, today=lambda: TODAY, pace=0)
    request = ModelRequest([ModelMessage("user", (TextBlock("hello"),))], max_tokens=5)
    events = [event async for event in model.stream(request)]
    assert len(events) == 6
    assert events[-1] == TurnEnd("max_tokens", output_tokens=5)


def test_a_negative_pace_is_refused(places: PlaceDirectory) -> None:
    """The error names the option."""
    with pytest.raises(ValueError, match="pace"):
        OfflineModel(places, pace=-1)


def test_the_model_says_what_it_is(places: PlaceDirectory) -> None:
    """Pages can tell that no language model answers."""
    model = OfflineModel(places)
    assert (model.name, model.offline) == ("offline-demo", True)


VOCABULARY = """
flights from to de para a voo Lisbon Lisboa GRU LIS São Paulo San José 12 dezembro 31 november 12/12 next
friday volta ida e back nonstop business 2 adults 99 criança under 500 EUR $ refresh ? - , who are you
mañana Nice in for weeks the 20th 2026-02-30 round trip Rome Paris or via
"""
WORDS = st.sampled_from(VOCABULARY.split())
TEXTS = st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=14).map(" ".join))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_any_conversation_gets_an_answer_that_ends_once(places: PlaceDirectory, texts: list[str]) -> None:
    """No text raises; each turn ends with exactly one TurnEnd, "tool_use" exactly if a tool is asked for."""

    async def talk() -> None:
        model = OfflineModel(places, today=lambda: TODAY, pace=0)
        messages: list[ModelMessage] = []
        for text in texts:
            messages.append(ModelMessage("user", (TextBlock(text),)))
            events = [event async for event in model.stream(ModelRequest(messages, (SEARCH,)))]
            ends = [event for event in events if isinstance(event, TurnEnd)]
            uses = [event for event in events if isinstance(event, ToolUse)]
            assert ends == events[-1:]
            assert (ends[0].stop_reason == "tool_use") == bool(uses)
            assert any(isinstance(event, TextDelta) for event in events)
            messages.append(ModelMessage("assistant", (TextBlock("-"), *uses)))
            if uses:
                messages.append(ModelMessage("user", (ToolResultBlock(uses[0].id, {"count": 0}),)))
                messages.append(ModelMessage("assistant", (TextBlock("-"),)))

    asyncio.run(talk())
