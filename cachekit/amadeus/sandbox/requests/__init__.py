"""Reading requests as strictly as the service does: nothing is folded here.

`cachekit.amadeus.params` checks the same rules on the caller's side, on its own; the tests hold the two
against each other. Reading order: parameters, days, query, date_query, location_query (query strings);
bodies, travelers, search_body, posted, pricing_body (documents).
"""
