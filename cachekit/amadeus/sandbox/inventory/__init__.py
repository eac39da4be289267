"""The sandbox's world, all of it pure: flights, offers and prices by seed, search and clock alone.

Reading order: chance, zones, airports, countries, carriers, network (where airlines fly), codeshares,
departures, schedule (journeys); pricing, taxes, money; brands, choices, combinations, trips (what is sold);
segments, fares, offers (as the API writes it); locations, fare_calendar, dates.
"""
