"""What the offline model says about a tool's result. Every number in it comes out of that result."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from chatbot.models.offline.language import Language
from chatbot.models.offline.phrases import render, written_date, written_duration, written_time
from chatbot.models.protocol import ToolResultBlock

_WORDS: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "found": "I found $count from $origin to $destination on $departure$back:",
        "back": ", returning on $day",
        "one": "1 offer",
        "many": "$n offers",
        "most": "$n offers, the most one search returns,",
        "none": "I found no flights from $origin to $destination on $departure$back."
        " Another date, or fewer conditions, may help.",
        "cheapest": "Cheapest",
        "fastest": "Fastest of these",
        "cheapest_non_stop": "Cheapest nonstop",
        "cheapest+fastest": "Cheapest and fastest",
        "offer": "$price $currency with $carrier: $ways",
        "way": "$from\N{EN DASH}$to, $departs to $arrives, $duration, $stops",
        "ways": "; back ",
        "stops0": "nonstop",
        "stops1": "1 stop",
        "stops": "$n stops",
        "via": " in $places",
        "live": "These prices are live, fetched just now.",
        "cache": "These prices come from the cache and are $age old; say “check again” for live ones.",
        "final": "They must be checked again before they are final.",
        "seconds": "$n s",
        "minutes": "$n min",
        "hours": "$n h",
        "error": "The flight search did not give an answer. It says: “$reason”",
        "error_next": "Change the request or try again, and I will search once more.",
        "unreadable": "The flight search answered, but I cannot read its answer, so I will not guess.",
    },
    "pt": {
        "found": "Encontrei $count de $origin para $destination em $departure$back:",
        "back": ", com volta em $day",
        "one": "1 oferta",
        "many": "$n ofertas",
        "most": "$n ofertas, o máximo de uma busca,",
        "none": "Não encontrei voos de $origin para $destination em $departure$back."
        " Outra data, ou menos condições, pode ajudar.",
        "cheapest": "Mais barata",
        "fastest": "Mais rápida destas",
        "cheapest_non_stop": "Direta mais barata",
        "cheapest+fastest": "Mais barata e mais rápida",
        "offer": "$price $currency com $carrier: $ways",
        "way": "$from\N{EN DASH}$to, $departs a $arrives, $duration, $stops",
        "ways": "; volta ",
        "stops0": "direto",
        "stops1": "1 escala",
        "stops": "$n escalas",
        "via": " em $places",
        "live": "Estes preços são ao vivo, consultados agora.",
        "cache": "Estes preços vêm do cache e têm $age; diga “atualize” para consultar de novo.",
        "final": "Eles precisam ser conferidos de novo antes de serem definitivos.",
        "seconds": "$n s",
        "minutes": "$n min",
        "hours": "$n h",
        "error": "A busca de voos não deu resposta. Ela diz: “$reason”",
        "error_next": "Altere o pedido ou tente de novo, e eu busco outra vez.",
        "unreadable": "A busca de voos respondeu, mas não consigo ler a resposta, então não vou adivinhar.",
    },
    "es": {
        "found": "Encontré $count de $origin a $destination el $departure$back:",
        "back": ", con vuelta el $day",
        "one": "1 oferta",
        "many": "$n ofertas",
        "most": "$n ofertas, el máximo de una búsqueda,",
        "none": "No encontré vuelos de $origin a $destination el $departure$back."
        " Otra fecha, o menos condiciones, puede ayudar.",
        "cheapest": "La más barata",
        "fastest": "La más rápida de estas",
        "cheapest_non_stop": "La directa más barata",
        "cheapest+fastest": "La más barata y más rápida",
        "offer": "$price $currency con $carrier: $ways",
        "way": "$from\N{EN DASH}$to, $departs a $arrives, $duration, $stops",
        "ways": "; vuelta ",
        "stops0": "directo",
        "stops1": "1 escala",
        "stops": "$n escalas",
        "via": " en $places",
        "live": "Estos precios son en vivo, consultados ahora.",
        "cache": "Estos precios vienen de la caché y tienen $age; di «actualiza» para consultarlos de nuevo.",
        "final": "Deben comprobarse de nuevo antes de ser definitivos.",
        "seconds": "$n s",
        "minutes": "$n min",
        "hours": "$n h",
        "error": "La búsqueda de vuelos no dio respuesta. Dice: «$reason»",
        "error_next": "Cambia la petición o inténtalo de nuevo, y busco otra vez.",
        "unreadable": "La búsqueda de vuelos respondió, pero no puedo leer su respuesta; no voy a adivinar.",
    },
}

_MINUTE = 60
_HOUR = 3600


def summarise(result: ToolResultBlock, language: Language, names: Mapping[str, str]) -> str:
    """One result of the flight search in words: how many, the best ones, how old, or why there is none.

    `names` are what the user calls the places, by code; the result's own names stand in for others.
    """
    words = _WORDS[language]
    if result.is_error:
        reason = str(result.content.get("error", "")).strip()
        return f"{render(words['error'], reason=reason)} {words['error_next']}"
    try:
        return _found(result.content, language, names)
    except (LookupError, TypeError, ValueError, AttributeError):
        return words["unreadable"]


def _found(content: Mapping[str, Any], language: Language, names: Mapping[str, str]) -> str:
    words, search = _WORDS[language], content["search"]
    origin, destination = search["originLocationCode"], search["destinationLocationCode"]
    back = search.get("returnDate")
    route = {
        "origin": names.get(origin) or search.get("originName", origin),
        "destination": names.get(destination) or search.get("destinationName", destination),
        "departure": written_date(date.fromisoformat(search["departureDate"]), language),
        "back": render(words["back"], day=written_date(date.fromisoformat(back), language)) if back else "",
    }
    source = _source(content, words)
    if not content["count"]:
        return f"{render(words['none'], **route)} {source}"
    heading = render(words["found"], count=_count(content, words), **route)
    best = [f"- {label}: {_offer(offer, words)}" for label, offer in _best(content, words)]
    return "\n".join([heading, "", *best, "", f"{source} {words['final']}"])


def _count(content: Mapping[str, Any], words: Mapping[str, str]) -> str:
    count = int(content["count"])
    if count == 1:
        return words["one"]
    return render(words["most" if content.get("more") else "many"], n=count)


def _best(content: Mapping[str, Any], words: Mapping[str, str]) -> list[tuple[str, Mapping[str, Any]]]:
    """The offers worth naming, each once, with what distinguishes it."""
    by_id = {offer["id"]: offer for offer in content["offers"]}
    cheapest, fastest = content["cheapest_id"], content["fastest_id"]
    label = "cheapest+fastest" if cheapest == fastest else "cheapest"
    chosen = {cheapest: words[label]}
    for name, offer_id in (("cheapest_non_stop", content.get("cheapest_non_stop_id")), ("fastest", fastest)):
        if offer_id is not None and offer_id not in chosen:
            chosen[offer_id] = words[name]
    return [(label, by_id[offer_id]) for offer_id, label in chosen.items()]


def _offer(offer: Mapping[str, Any], words: Mapping[str, str]) -> str:
    ways = [_way(offer[name], words) for name in ("outbound", "inbound") if name in offer]
    return render(
        words["offer"],
        price=offer["price"],
        currency=offer["currency"],
        carrier=offer["outbound"]["carrier"],
        ways=words["ways"].join(ways),
    )


def _way(way: Mapping[str, Any], words: Mapping[str, str]) -> str:
    stops = int(way["stops"])
    text = words.get(f"stops{stops}") or render(words["stops"], n=stops)
    if way.get("via"):
        text += render(words["via"], places=", ".join(way["via"]))
    day = datetime.fromisoformat(way["departs"]).date()
    values = {
        "from": way["from"],
        "to": way["to"],
        "departs": written_time(way["departs"], day),
        "arrives": written_time(way["arrives"], day),
        "duration": written_duration(int(way["duration_minutes"])),
        "stops": text,
    }
    return render(words["way"], **values)


def _source(content: Mapping[str, Any], words: Mapping[str, str]) -> str:
    if content["source"] == "live":
        return words["live"]
    return render(words["cache"], age=_age(float(content["age_seconds"]), words))


def _age(seconds: float, words: Mapping[str, str]) -> str:
    if seconds < _MINUTE:
        return render(words["seconds"], n=max(1, round(seconds)))
    if seconds < _HOUR:
        return render(words["minutes"], n=round(seconds / _MINUTE))
    return render(words["hours"], n=round(seconds / _HOUR))
