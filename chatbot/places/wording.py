"""Words of English, Portuguese and Spanish that decide whether a name in a sentence is a place."""

from typing import Final

from chatbot.places.place import words

CUES: Final = frozenset(
    words(
        """
        from to into in for towards via leaving departing and or de do da dos das para pra pro pros a ao
        aos desde ate em no na nos nas al del hasta hacia en e y o ou x visit visiting visitar conhecer
        conocer
        """
    )
)
"""Folded words that a place name may follow directly."""

PLAIN_CUES: Final = frozenset(
    words("from to into towards via de desde para pra hasta hacia ate visit visitar")
)
"""The cues that are nothing else: `a` and `no` may as well be an article or a refusal."""

ARTICLES: Final = frozenset(
    words(
        """
        the o a os as la el los las city cidade ciudad of de aeroporto aeropuerto airport
        """
    )
)
"""Folded words that may stand between a cue and the name it leads to."""

HOMONYMS: Final = frozenset(
    words(
        """
        nice reading mobile orange split cork bath male mali bari pisa natal vitoria belem fortaleza
        salvador porto palmas recife sal sol faro leon granada victoria florence sucre paz rio santos
        franca reno lima tours metz lens aqaba essen hull deal date same man sale salta colon colonia
        piedras colombo buffalo phoenix jackson lincoln charlotte madison austin dallas florida orlando
        sierra cuenca armenia pereira monteria tunja independence hope eagle buenaventura concord aurora
        enterprise marina valle goose bend corona tempe perm oral baker bangor barcelos bergen lugo cali
        merida trinidad concepcion libertad sousa campos lages viana manta ambato loja progreso
        """
    )
)
"""Folded names of places that are also everyday words or people's names: they count only where a
sentence is plainly about a place, after a cue or written with a capital inside the sentence."""

NOT_PLACES: Final = frozenset().union(
    # Months, weekdays and their short forms.
    words(
        """
        january february march april may june july august september october november december jan feb mar
        apr jun jul aug sep sept oct nov dec monday tuesday wednesday thursday friday saturday sunday mon
        tue wed thu fri sat sun janeiro fevereiro marco abril maio junho julho agosto setembro outubro
        novembro dezembro fev abr mai ago set out dez segunda terca quarta quinta sexta sabado domingo
        feira seg ter qua qui sex sab dom enero febrero marzo mayo junio julio septiembre octubre
        noviembre diciembre ene dic lunes martes miercoles jueves viernes lun mie jue vie
        """
    ),
    # English.
    words(
        """
        a about after again all also am an and another any anyone anything are around as at available away
        back be because been before best better between book both business but buy by cabin can cheap
        cheaper cheapest check child children class coach could day days date deal depart departing
        departure direct do does done each early earlier eat economy else euro euros evening every
        expensive family far fast faster fastest few find first flight flights fly flying for four five
        six seven eight nine ten free friend from get give go going gone good got great had half has have
        he hello help her here hey hi him his hope hotel hour hours how i if in infant infants into is it
        its just kid kids know last late later latest least leave leaving less let like list little live
        long look looking lot love low lowest make man many may maybe me mean men midday mind month months
        more morning most much must my name need new next night no non none nonstop noon not nothing now
        of off offer offers ok okay old on once one only open or other our out over party pay people
        person please plus premium price prices put quick quickest rather read ready real really refresh
        return returning right round same say search seat seats see sell send she shop short should show
        side since single sir so some someone soon sorry stay stop stops such sure take tell than thank
        thanks that the their them then there these they thing things think this those three through
        ticket tickets time times to today together tomorrow tonight too train travel travelling traveling
        trip try two under until up update us use very via visit want was way we weather week weekend
        weeks well were what when where which while who why will window wish with without work would year
        years yes yesterday yet you your usd eur brl gbp mxn ars clp cop pen cad aud jpy chf
        """
    ),
    # Portuguese.
    words(
        """
        ola oi bom boa dia dias tarde noite obrigado obrigada por favor eu voce voces nos ele ela eles
        elas um uma uns umas dois duas tres quatro cinco seis sete oito nove dez e ou mas se que quem qual
        quais quando quanto quanta quantos onde como porque o os as de do da dos das em no na nas para pra
        pro com sem sob sobre ate desde entre ao aos pelo pela este esta esse essa isso isto aquele meu
        minha seu sua nosso nossa ser sou era foi sao estar estou esta estao ter tem tenho tinha quero
        queria queremos preciso gostaria pode posso podemos vou vai vamos ir indo ida volta voltar
        voltando vindo vir voo voos voar viagem viajar viajando passagem passagens bilhete bilhetes sair
        saindo saida partir partindo chegar chegando hoje amanha ontem semana semanas mes meses ano anos
        proximo proxima que vem manha barato barata baratos mais menos caro cara preco precos maximo
        limite reais dolar dolares classe economica executiva primeira direto diretos direta escala
        escalas parada paradas adulto adultos crianca criancas bebe bebes pessoa pessoas gente casal
        familia tudo todo toda todos nada algum alguma outro outra agora depois antes cedo logo ja nao sim
        so tambem muito muita pouco bem mal aqui ali la buscar busca busque procurar procure mostrar
        mostre ver veja achar ache quer dizer fazer faz dar atualizar atualize ajuda cidade casa sul norte
        leste oeste mar sol luz paz
        """
    ),
    # Spanish.
    words(
        """
        hola buenos buenas gracias yo tu usted ustedes nosotros ellos ellas un una unos unas dos cuatro
        siete ocho nueve diez y o u pero si quien cual cuales cuando cuanto cuanta donde como porque el
        los las del al con sin hasta hacia este esta ese esa eso mi su nuestro soy eres es somos son ser
        estoy estan tengo tiene hay quiero quisiera queremos necesito puedo puede podemos voy va vamos ir
        ida vuelta volver volviendo vuelo vuelos volar viaje viajar viajando pasaje pasajes boleto boletos
        billete billetes salir saliendo salida partiendo llegar llegando hoy manana ayer semana mes ano
        anos proximo proxima viene noche tarde barato barata baratos mas menos precio precios maximo
        dolares clase economica ejecutiva turista primera directo directos directa escala escalas parada
        adulto adultos nino nina ninos ninas bebe bebes persona personas pareja todo nada alguno otro otra
        ahora despues luego antes ya tambien muy mucho poco bien mal aqui alli buscar busca buscame
        mostrar muestra ver actualizar actualiza ayuda ciudad sale salen santa san nuevo nueva norte sur
        este oeste
        """
    ),
    # Airlines and other proper names that are also codes.
    words("tap jet air sky usa uk eua max min mim"),
)
"""Folded words that are never a place by themselves, unless written as a code in capitals after a cue."""
