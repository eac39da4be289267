"""Which of the three languages a message is written in."""

from typing import Final, Literal

from chatbot.places.place import tokens, words

Language = Literal["en", "pt", "es"]

LANGUAGES: Final[tuple[Language, ...]] = ("en", "pt", "es")

# Folded words that tell one language from the two others; shared words are worth nothing here.
_WORDS: Final[dict[Language, frozenset[str]]] = {
    "en": frozenset(
        words(
            """
            the from to on and what which how who you are is i my me we want need would like flight
            flights fly flying ticket tickets for with without return returning back next this tomorrow
            today week weeks day days month hello hi hey please thanks thank cheapest cheap adult adults
            child children infant people under class check again refresh show find search one way round
            trip nonstop leaving in of business economy first can do it about help good morning january
            february march may june july august october december monday tuesday wednesday thursday friday
            saturday sunday by at yes
            """
        )
    ),
    "pt": frozenset(
        words(
            """
            o os ao aos do da dos das em no na nas nos para pra pro um uma dois duas e com sem ou voo voos
            voar passagem passagens quero queria preciso gostaria saindo partindo voltando volta ida
            amanha hoje depois proxima proximo semana semanas dias mes que vem ate bom boa dia tarde noite
            ola oi obrigado obrigada voce quem quais qual quanto adulto adultos crianca criancas bebe
            bebes pessoas executiva primeira classe direto diretos atualize atualizar novo novamente mais
            barato barata ajuda moro janeiro fevereiro marco maio junho julho setembro outubro dezembro
            segunda terca quarta quinta sexta feira meu minha eu nao sim fim
            """
        )
    ),
    "es": frozenset(
        words(
            """
            el los las del al en un una unos dos y con sin vuelo vuelos volar pasaje pasajes billete
            billetes boleto boletos quiero quisiera necesito saliendo volviendo vuelta ida manana hoy
            pasado proximo proxima semana semanas dias mes que viene hasta desde hacia buenos buenas hola
            gracias usted tu quien cuales cual cuanto cuesta adulto adultos nino nina ninos bebe bebes
            personas ejecutiva primera clase directo directos actualiza actualizar nuevo otra vez mas
            barato barata ayuda vivo enero febrero marzo mayo junio julio agosto septiembre octubre
            noviembre diciembre lunes martes miercoles jueves viernes mi yo no si fin por
            """
        )
    ),
}
_LETTERS: Final[dict[str, Language]] = {
    "ã": "pt",
    "õ": "pt",
    "ç": "pt",
    "ê": "pt",
    "ñ": "es",
    "¿": "es",
    "¡": "es",
}
_LETTER_WEIGHT = 0.75


def detect(text: str, *, otherwise: Language) -> Language:
    """The language of a message; `otherwise` where it does not tell, as "GRU-LIS 12/12" does not."""
    scores: dict[Language, float] = dict.fromkeys(LANGUAGES, 0.0)
    for word in tokens(text):
        for language in LANGUAGES:
            scores[language] += word.folded in _WORDS[language]
    for letter, language in _LETTERS.items():
        if letter in text.lower():
            scores[language] += _LETTER_WEIGHT
    best = max(scores.values())
    leaders = [language for language in LANGUAGES if scores[language] == best]
    return otherwise if best == 0 or otherwise in leaders else leaders[0]
