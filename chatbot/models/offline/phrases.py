"""What the offline model says in its three languages, and how it writes dates, durations and lists."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from string import Template
from typing import Final

from chatbot.models.offline.language import Language
from chatbot.models.offline.trip import Problem, Trip
from chatbot.places import Place
from chatbot.places.place import name_key, words

INTRODUCTION: Final[dict[Language, str]] = {
    "en": "I am the offline demo, a set of rules and not Claude.",
    "pt": "Sou a demonstração offline, um conjunto de regras, não o Claude.",
    "es": "Soy la demostración sin conexión, un conjunto de reglas, no Claude.",
}

_ABILITIES: Final[dict[Language, str]] = {
    "en": "I search one-way and round-trip flights: tell me from where, to where and when, and if you like"
    " how many travel, the cabin, nonstop only or a highest price. For example: “flights from São Paulo to"
    " Lisbon on 12 December”. Say “check again” for a fresh look at the prices.",
    "pt": "Busco voos de ida e de ida e volta: diga de onde, para onde e quando e, se quiser, quantas"
    " pessoas, a classe, se só diretos ou um preço máximo. Por exemplo: “voos de São Paulo para Lisboa em 12"
    " de dezembro”. Diga “atualize” para consultar os preços de novo.",
    "es": "Busco vuelos de ida y de ida y vuelta: dime desde dónde, a dónde y cuándo y, si quieres, cuántas"
    " personas, la clase, si solo directos o un precio máximo. Por ejemplo: «vuelos de São Paulo a Lisboa el"
    " 12 de diciembre». Di «actualiza» para consultar los precios de nuevo.",
}

TOPICS: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "greeting": f"Hello! {_ABILITIES['en']}",
        "help": _ABILITIES["en"],
        "identity": f"I am the offline demo: a set of rules, not Claude and not a person. {_ABILITIES['en']}",
        "thanks": "You are welcome. Ask whenever you want another search.",
        "booking": "I cannot book, change or pay for flights; I only search them."
        " Prices must be checked again with the seller before they are final.",
        "goodbye": "Goodbye, and have a good flight.",
        "unknown": f"I did not understand that; I only know about flight searches. {_ABILITIES['en']}",
    },
    "pt": {
        "greeting": f"Olá! {_ABILITIES['pt']}",
        "help": _ABILITIES["pt"],
        "identity": "Sou a demonstração offline: um conjunto de regras, não o Claude nem uma pessoa."
        f" {_ABILITIES['pt']}",
        "thanks": "De nada. É só pedir quando quiser outra busca.",
        "booking": "Não consigo reservar, alterar nem pagar voos; só faço buscas."
        " Os preços precisam ser conferidos de novo com o vendedor antes de serem definitivos.",
        "goodbye": "Até logo, e boa viagem.",
        "unknown": f"Não entendi; só sei buscar voos. {_ABILITIES['pt']}",
    },
    "es": {
        "greeting": f"¡Hola! {_ABILITIES['es']}",
        "help": _ABILITIES["es"],
        "identity": "Soy la demostración sin conexión: un conjunto de reglas, ni Claude ni una persona."
        f" {_ABILITIES['es']}",
        "thanks": "De nada. Pide otra búsqueda cuando quieras.",
        "booking": "No puedo reservar, cambiar ni pagar vuelos; solo los busco."
        " Los precios deben comprobarse de nuevo con el vendedor antes de ser definitivos.",
        "goodbye": "Hasta luego, y buen viaje.",
        "unknown": f"No lo entendí; solo sé buscar vuelos. {_ABILITIES['es']}",
    },
}

QUESTIONS: Final[dict[Language, dict[Problem, str]]] = {
    "en": {
        "origin_missing": "From which city or airport do you want to leave?",
        "destination_missing": "Which city or airport do you want to fly to?",
        "place_ambiguous": "Which $name do you mean: $options? Answer with the code.",
        "same_place": "You would leave from and arrive in $name. Which city do you want to fly to?",
        "departure_missing": "On which day do you want to leave?",
        "departure_vague": "Which day of that month do you want to leave?",
        "return_missing": "On which day do you want to come back?",
        "date_impossible": "The calendar does not have that day. Which date do you mean?",
        "date_past": "$day is in the past. Which date do you mean?",
        "date_far": "Flights are on sale for about a year, until $day. Which earlier date suits you?",
        "return_first": "The return would come before the departure on $day. Which day do you come back?",
        "too_many": "One search covers 1 to 9 adults and children together. How many adults travel?",
        "infants": "Each infant needs an adult's lap. How many adults travel?",
        "one_at_a_time": "I search one destination at a time. Which one first?",
    },
    "pt": {
        "origin_missing": "De qual cidade ou aeroporto você quer sair?",
        "destination_missing": "Para qual cidade ou aeroporto você quer voar?",
        "place_ambiguous": "Qual $name: $options? Responda com o código.",
        "same_place": "A saída e a chegada seriam em $name. Para qual cidade você quer voar?",
        "departure_missing": "Em que dia você quer ir?",
        "departure_vague": "Em que dia desse mês você quer ir?",
        "return_missing": "Em que dia você quer voltar?",
        "date_impossible": "Esse dia não existe no calendário. Qual é a data?",
        "date_past": "$day já passou. Qual é a data?",
        "date_far": "Os voos estão à venda por cerca de um ano, até $day. Qual data anterior serve?",
        "return_first": "A volta seria antes da ida em $day. Em que dia você quer voltar?",
        "too_many": "Uma busca cobre de 1 a 9 adultos e crianças juntos. Quantos adultos viajam?",
        "infants": "Cada bebê vai no colo de um adulto. Quantos adultos viajam?",
        "one_at_a_time": "Busco um destino de cada vez. Qual primeiro?",
    },
    "es": {
        "origin_missing": "¿Desde qué ciudad o aeropuerto quieres salir?",
        "destination_missing": "¿A qué ciudad o aeropuerto quieres volar?",
        "place_ambiguous": "¿Qué $name: $options? Responde con el código.",
        "same_place": "La salida y la llegada serían en $name. ¿A qué ciudad quieres volar?",
        "departure_missing": "¿Qué día quieres salir?",
        "departure_vague": "¿Qué día de ese mes quieres salir?",
        "return_missing": "¿Qué día quieres volver?",
        "date_impossible": "Ese día no existe en el calendario. ¿Qué fecha es?",
        "date_past": "El $day ya pasó. ¿Qué fecha es?",
        "date_far": "Solo hay vuelos a la venta hasta el $day. ¿Qué fecha anterior sirve?",
        "return_first": "La vuelta sería antes de la ida del $day. ¿Qué día quieres volver?",
        "too_many": "Una búsqueda cubre de 1 a 9 adultos y niños juntos. ¿Cuántos adultos viajan?",
        "infants": "Cada bebé va en brazos de un adulto. ¿Cuántos adultos viajan?",
        "one_at_a_time": "Busco un destino a la vez. ¿Cuál primero?",
    },
}

UNKNOWN_PLACE: Final[dict[Language, str]] = {
    "en": "I do not know a city or airport called “$name”.",
    "pt": "Não conheço nenhuma cidade ou aeroporto chamado “$name”.",
    "es": "No conozco ninguna ciudad ni aeropuerto llamado «$name».",
}

COUNTRY: Final[dict[Language, str]] = {
    "en": "$name is a country; I need a city or an airport.",
    "pt": "$name é um país; preciso de uma cidade ou de um aeroporto.",
    "es": "$name es un país; necesito una ciudad o un aeropuerto.",
}

UNFILTERABLE: Final[dict[Language, str]] = {
    "en": "I cannot filter by airline or time of day.",
    "pt": "Não consigo filtrar por companhia aérea nem por horário.",
    "es": "No puedo filtrar por aerolínea ni por horario.",
}

NO_TOOL: Final[dict[Language, str]] = {
    "en": "I understood your request, but the flight search is not available here.",
    "pt": "Entendi o pedido, mas a busca de voos não está disponível aqui.",
    "es": "Entendí la petición, pero la búsqueda de vuelos no está disponible aquí.",
}

SEARCHING: Final[dict[Language, str]] = {
    "en": "Searching flights $route on $departure$back$conditions.",
    "pt": "Buscando voos $route em $departure$back$conditions.",
    "es": "Buscando vuelos $route el $departure$back$conditions.",
}
SEARCHING_BACK: Final[dict[Language, str]] = {
    "en": ", returning on $day",
    "pt": ", com volta em $day",
    "es": ", con vuelta el $day",
}

# One and many, then the word for each cabin, nonstop, and a price limit.
_TRAVELERS: Final[dict[Language, tuple[tuple[str, str], ...]]] = {
    "en": (("adult", "adults"), ("child", "children"), ("infant", "infants")),
    "pt": (("adulto", "adultos"), ("criança", "crianças"), ("bebê", "bebês")),
    "es": (("adulto", "adultos"), ("niño", "niños"), ("bebé", "bebés")),
}
_CONDITIONS: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "ECONOMY": "economy",
        "PREMIUM_ECONOMY": "premium economy",
        "BUSINESS": "business",
        "FIRST": "first class",
        "non_stop": "nonstop only",
        "max_price": "at most $price each",
        "currency": "prices in $price",
    },
    "pt": {
        "ECONOMY": "econômica",
        "PREMIUM_ECONOMY": "econômica premium",
        "BUSINESS": "executiva",
        "FIRST": "primeira classe",
        "non_stop": "só diretos",
        "max_price": "até $price por pessoa",
        "currency": "preços em $price",
    },
    "es": {
        "ECONOMY": "turista",
        "PREMIUM_ECONOMY": "turista premium",
        "BUSINESS": "ejecutiva",
        "FIRST": "primera clase",
        "non_stop": "solo directos",
        "max_price": "hasta $price por persona",
        "currency": "precios en $price",
    },
}

_MONTHS: Final[dict[Language, tuple[str, ...]]] = {
    "en": tuple(
        words(
            """
            January February March April May June July August September October November December
            """
        )
    ),
    "pt": tuple(
        words(
            """
            janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro
            """
        )
    ),
    "es": tuple(
        words(
            """
            enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
            """
        )
    ),
}
# Portuguese names that are a common noun, which keep its article.
_WITH_ARTICLE: Final = (
    ("o", re.compile(r"(?:rio(?: de janeiro)?|porto|cairo|recife|funchal|luxemburgo|havai|panama)$")),
    ("a", re.compile(r"(?:cidade d[oe] |ilha d[aoe] |madeira$|terceira$)")),
    ("os", re.compile(r"acores$")),
    ("as", re.compile(r"maldivas$")),
)
_NBSP: Final = "\N{NO-BREAK SPACE}"
_COMMA_FOR_POINT: Final = str.maketrans(",.", ".,")
_MINUTE = 60
_MINUTES_PER_HOUR = 60
_HOUR = _MINUTES_PER_HOUR * _MINUTE
_DAY = 24
_OR: Final[dict[Language, str]] = {"en": "or", "pt": "ou", "es": "o"}


def render(template: str, **values: object) -> str:
    """A phrase with its `$names` replaced; a name not given stays as it is."""
    return Template(template).safe_substitute({name: str(value) for name, value in values.items()})


def written_route(origin: str, destination: str, language: Language) -> str:
    """Both ends of a trip: "from Rome to Porto", in Portuguese "de Roma para o Porto"."""
    if language == "en":
        return f"from {origin} to {destination}"
    if language == "es":
        return f"de {origin} a {destination}"
    start, end = _portuguese_article(origin), _portuguese_article(destination)
    return f"d{start or 'e'} {origin} para {end}{' ' if end else ''}{destination}"


def _portuguese_article(name: str) -> str:
    """The article a place's name takes in Portuguese, "" for the most that take none."""
    key = name_key(name.partition("(")[0])
    return next((article for article, names in _WITH_ARTICLE if names.match(key)), "")


def written_date(day: date, language: Language) -> str:
    """A date in words, so that no order of numbers can mislead: "12 December 2026"."""
    month = _MONTHS[language][day.month - 1]
    return f"{day.day} {month} {day.year}" if language == "en" else f"{day.day} de {month} de {day.year}"


def written_time(text: str, base: date) -> str:
    """A local time without zone as "23:05", and "+1" where it falls on a later day than `base`."""
    moment = datetime.fromisoformat(text)
    later = (moment.date() - base).days
    return f"{moment:%H:%M}" + (f" ({later:+d})" if later else "")


def written_duration(minutes: int) -> str:
    """Hours and minutes: "9 h 55 min"; the spaces do not break."""
    if minutes < _MINUTES_PER_HOUR:
        return f"{minutes}{_NBSP}min"
    return _pair(*divmod(minutes, _MINUTES_PER_HOUR), "h", "min")


def written_age(seconds: float) -> str:
    """An age, rounded down as the page does: "42 s", "3 min", "2 h 5 min", "4 d 3 h"."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole}{_NBSP}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}{_NBSP}min"
    hours, minutes = divmod(whole // _MINUTE, _MINUTES_PER_HOUR)
    return _pair(hours, minutes, "h", "min") if hours < _DAY else _pair(*divmod(hours, _DAY), "d", "h")


def _pair(large: int, small: int, large_unit: str, small_unit: str) -> str:
    text = f"{large}{_NBSP}{large_unit}"
    return f"{text}{_NBSP}{small}{_NBSP}{small_unit}" if small else text


def written_amount(amount: str, language: Language) -> str:
    """A decimal amount in the notation of the language: "13,695.56", in the two others "13.695,56".

    Raises:
        ValueError: it is not a decimal amount.
    """
    whole, _, cents = amount.partition(".")
    text = f"{int(whole):,}" + (f".{int(cents):0{len(cents)}}" if cents else "")
    return text if language == "en" else text.translate(_COMMA_FOR_POINT)


def written_options(places: Sequence[Place], language: Language) -> str:
    """Places to choose from: "San Jose (SJC, US) or San José (SJO, CR)".

    Those of one name in one country are told apart by their region.
    """
    alike = Counter((name_key(place.name), place.country) for place in places)
    names = []
    for place in places:
        region = place.region if alike[name_key(place.name), place.country] > 1 else ""
        where = ", ".join(part for part in (place.code, region, place.country) if part)
        names.append(f"{place.name} ({where})")
    return f" {_OR[language]} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def written_conditions(trip: Trip, language: Language) -> str:
    """What is wanted beyond route and dates: "2 adults, 1 child, business, nonstop only"."""
    terms = _CONDITIONS[language]
    counts = (trip.adults, trip.children, trip.infants)
    named = zip(counts, _TRAVELERS[language], strict=True)
    parts = [f"{count} {many if count > 1 else one}" for count, (one, many) in named if count]
    parts += [terms[trip.cabin]] if trip.cabin else []
    parts += [terms["non_stop"]] if trip.non_stop else []
    if trip.max_price is not None:
        price = f"{trip.max_price} {trip.currency}".strip()
        parts.append(render(terms["max_price"], price=price))
    elif trip.currency:
        parts.append(render(terms["currency"], price=trip.currency))
    return ", ".join(parts)
