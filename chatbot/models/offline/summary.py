"""What the offline model says about a tool's result. Every number in it comes out of that result."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from chatbot.models.offline.language import Language
from chatbot.models.offline.phrases import (
    render,
    written_age,
    written_amount,
    written_date,
    written_duration,
    written_route,
    written_time,
)
from chatbot.models.protocol import ToolResultBlock

_WORDS: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "found": "I found $count $route on $departure$back:",
        "back": ", returning on $day",
        "one": "1 offer",
        "many": "$n offers",
        "most": "$n offers, the most one search returns,",
        "none": "I found no flights $route on $departure$back. Another date, or fewer conditions, may help.",
        "cheapest": "Cheapest",
        "fastest": "Fastest of these",
        "cheapest_non_stop": "Cheapest nonstop",
        "cheapest+fastest": "Cheapest and fastest",
        "offer": "$price $currency$party with $carrier: $ways",
        "way": "$from\N{EN DASH}$to, $departs to $arrives, $duration, $stops",
        "ways": "; back ",
        "stops0": "nonstop",
        "stops1": "1 stop",
        "stops": "$n stops",
        "via": " in $places",
        "live": "These prices were fetched live for this answer.",
        "cache": "These prices come from the cache and were $age old when I answered;"
        " say “check again” for live ones.",
        "none_live": "The airlines were asked live for this answer.",
        "none_cache": "This result comes from the cache and was $age old when I answered;"
        " say “check again” for a live one.",
        "party": " for $n travelers",
        "final": "They must be checked again before they are final.",
        "error": "The flight search did not give an answer. It says: “$reason”",
        "error_next": "Change the request or try again, and I will search once more.",
        "unreadable": "The flight search answered, but I cannot read its answer, so I will not guess.",
    },
    "pt": {
        "found": "Encontrei $count $route em $departure$back:",
        "back": ", com volta em $day",
        "one": "1 oferta",
        "many": "$n ofertas",
        "most": "$n ofertas, o máximo de uma busca,",
        "none": "Não encontrei voos $route em $departure$back. Outra data, ou menos condições, pode ajudar.",
        "cheapest": "Mais barata",
        "fastest": "Mais rápida destas",
        "cheapest_non_stop": "Direta mais barata",
        "cheapest+fastest": "Mais barata e mais rápida",
        "offer": "$price $currency$party com $carrier: $ways",
        "way": "$from\N{EN DASH}$to, $departs a $arrives, $duration, $stops",
        "ways": "; volta ",
        "stops0": "direto",
        "stops1": "1 escala",
        "stops": "$n escalas",
        "via": " em $places",
        "live": "Estes preços são atuais, consultados para esta resposta.",
        "cache": "Estes preços vêm do cache, consultados $age antes desta resposta;"
        " diga “atualize” para consultar de novo.",
        "none_live": "Este resultado é atual, consultado para esta resposta.",
        "none_cache": "Este resultado vem do cache, consultado $age antes desta resposta;"
        " diga “atualize” para consultar de novo.",
        "party": " para $n viajantes",
        "final": "Eles precisam ser conferidos de novo antes de serem definitivos.",
        "error": "A busca de voos não deu resposta. Ela diz: “$reason”",
        "error_next": "Altere o pedido ou tente de novo, e eu busco outra vez.",
        "unreadable": "A busca de voos respondeu, mas não consigo ler a resposta, então não vou adivinhar.",
    },
    "es": {
        "found": "Encontré $count $route el $departure$back:",
        "back": ", con vuelta el $day",
        "one": "1 oferta",
        "many": "$n ofertas",
        "most": "$n ofertas, el máximo de una búsqueda,",
        "none": "No encontré vuelos $route el $departure$back."
        " Otra fecha, o menos condiciones, puede ayudar.",
        "cheapest": "La más barata",
        "fastest": "La más rápida de estas",
        "cheapest_non_stop": "La directa más barata",
        "cheapest+fastest": "La más barata y más rápida",
        "offer": "$price $currency$party con $carrier: $ways",
        "way": "$from\N{EN DASH}$to, $departs a $arrives, $duration, $stops",
        "ways": "; vuelta ",
        "stops0": "directo",
        "stops1": "1 escala",
        "stops": "$n escalas",
        "via": " en $places",
        "live": "Estos precios son actuales, consultados para esta respuesta.",
        "cache": "Estos precios vienen de la caché, consultados $age antes de esta respuesta;"
        " di «actualiza» para consultarlos de nuevo.",
        "none_live": "Este resultado es actual, consultado para esta respuesta.",
        "none_cache": "Este resultado viene de la caché, consultado $age antes de esta respuesta;"
        " di «actualiza» para consultarlo de nuevo.",
        "party": " para $n viajeros",
        "final": "Deben comprobarse de nuevo antes de ser definitivos.",
        "error": "La búsqueda de vuelos no dio respuesta. Dice: «$reason»",
        "error_next": "Cambia la petición o inténtalo de nuevo, y busco otra vez.",
        "unreadable": "La búsqueda de vuelos respondió, pero no puedo leer su respuesta; no voy a adivinar.",
    },
}

_ERRORS: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "rate_limited": "The flight search is asked too much right now; wait a moment.",
        "quota": "The flight search has used up what it may ask for now; try again later.",
        "not_configured": "The flight search is not set up here; only who runs this page can change that.",
        "no_data": "The flight search has no data for this request.",
        "unavailable": "The flight search cannot be reached right now.",
        "unknown_place": "The flight search does not know one of the two places.",
        "ambiguous_place": "The flight search knows several places of that name; give its airport code.",
        "tool_timeout": "The flight search took too long.",
        "tool_failed": "The flight search failed because of a fault of ours.",
    },
    "pt": {
        "rate_limited": "A busca de voos está recebendo pedidos demais agora; espere um momento.",
        "quota": "A busca de voos esgotou as consultas que pode fazer por ora; tente mais tarde.",
        "not_configured": "A busca de voos não está configurada aqui; só quem mantém esta página pode mudar"
        " isso.",
        "no_data": "A busca de voos não tem dados para este pedido.",
        "unavailable": "Não foi possível falar com a busca de voos agora.",
        "invalid_input": "A busca de voos não aceita este pedido.",
        "unknown_place": "A busca de voos não conhece um dos dois lugares.",
        "ambiguous_place": "A busca de voos conhece vários lugares com esse nome; dê o código do aeroporto.",
        "tool_timeout": "A busca de voos demorou demais.",
        "tool_failed": "A busca de voos falhou por um defeito nosso.",
    },
    "es": {
        "rate_limited": "La búsqueda de vuelos recibe demasiadas peticiones ahora; espera un momento.",
        "quota": "La búsqueda de vuelos agotó las consultas que puede hacer por ahora; prueba más tarde.",
        "not_configured": "La búsqueda de vuelos no está configurada aquí; solo quien mantiene esta página"
        " puede cambiarlo.",
        "no_data": "La búsqueda de vuelos no tiene datos para esta petición.",
        "unavailable": "No se puede contactar con la búsqueda de vuelos ahora.",
        "invalid_input": "La búsqueda de vuelos no acepta esta petición.",
        "unknown_place": "La búsqueda de vuelos no conoce uno de los dos lugares.",
        "ambiguous_place": "La búsqueda de vuelos conoce varios lugares con ese nombre; da el código del"
        " aeropuerto.",
        "tool_timeout": "La búsqueda de vuelos tardó demasiado.",
        "tool_failed": "La búsqueda de vuelos falló por un defecto nuestro.",
    },
}
"""What a tool's error codes mean; the tool's own sentence, in English, stands in for any other code."""


def summarise(result: ToolResultBlock, language: Language, names: Mapping[str, str]) -> str:
    """One result of the flight search in words: how many, the best ones, how old, or why there is none.

    `names` are what the user calls the places, by code; the result's own names stand in for others.
    """
    words = _WORDS[language]
    if result.is_error:
        reason = str(result.content.get("error", "")).strip()
        known = _ERRORS[language].get(str(result.content.get("code", "")))
        return f"{known or render(words['error'], reason=reason)} {words['error_next']}"
    try:
        return _found(result.content, language, names)
    except (LookupError, TypeError, ValueError, AttributeError):
        return words["unreadable"]


def _found(content: Mapping[str, Any], language: Language, names: Mapping[str, str]) -> str:
    words, search = _WORDS[language], content["search"]
    origin, destination = search["originLocationCode"], search["destinationLocationCode"]
    back = search.get("returnDate")
    route = {
        "route": written_route(
            names.get(origin) or search.get("originName", origin),
            names.get(destination) or search.get("destinationName", destination),
            language,
        ),
        "departure": written_date(date.fromisoformat(search["departureDate"]), language),
        "back": render(words["back"], day=written_date(date.fromisoformat(back), language)) if back else "",
    }
    if not content["count"]:
        return f"{render(words['none'], **route)} {_source(content, words, 'none_')}"
    travelers = sum(int(search.get(kind) or 0) for kind in ("adults", "children", "infants"))
    party = render(words["party"], n=travelers) if travelers > 1 else ""
    heading = render(words["found"], count=_count(content, words), **route)
    best = [f"- {label}: {_offer(offer, language, party)}" for label, offer in _best(content, words)]
    return "\n".join([heading, "", *best, "", f"{_source(content, words)} {words['final']}"])


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


def _offer(offer: Mapping[str, Any], language: Language, party: str) -> str:
    words = _WORDS[language]
    ways = [_way(offer[name], words) for name in ("outbound", "inbound") if name in offer]
    return render(
        words["offer"],
        price=written_amount(offer["price"], language),
        currency=offer["currency"],
        party=party,
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


def _source(content: Mapping[str, Any], words: Mapping[str, str], kind: str = "") -> str:
    if content["source"] == "live":
        return words[f"{kind}live"]
    return render(words[f"{kind}cache"], age=written_age(float(content["age_seconds"])))
