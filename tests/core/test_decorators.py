"""`@cached`: which calls share a value, what is refused, and that a decorated function stays one."""

import dataclasses
import functools
import inspect

import pytest

from cachekit import ConfigurationError, InvalidKey, Policy
from cachekit.core.decorators import cached


@pytest.fixture
def ns(cache):
    return cache.namespace("shop", Policy(ttl=10, stale=0))


class Calls(list):
    """What a function was called with, in order."""


@pytest.fixture
def calls():
    return Calls()


@pytest.fixture
def search(ns, calls):
    @cached(ns, "search")
    async def search(origin, destination="LIS", *stops, adults=1, **options):
        """Searches."""
        calls.append((origin, destination, stops, adults, options))
        return [origin, destination]

    return search


async def plain(origin, destination):
    """Documented."""
    return [origin, destination]


async def test_a_function_runs_once_for_the_same_arguments(search, calls):
    """The second call is served."""
    assert await search("GRU") == await search("GRU") == ["GRU", "LIS"]
    assert len(calls) == 1


def test_every_spelling_of_one_call_shares_a_key(search):
    """By position, by name, and by default."""
    keys = {
        search.key("GRU"),
        search.key("GRU", "LIS"),
        search.key(destination="LIS", origin="GRU"),
        search.key("GRU", adults=1),
    }
    assert len(keys) == 1


def test_different_calls_have_different_keys(search):
    """Types count, and so does where an argument stands."""
    keys = [
        search.key("1"),
        search.key(1),
        search.key("1", "x"),
        search.key("1", "LIS", "x"),
        search.key("1", "LIS", "x", "y"),
        search.key("1", "LIS", ["x", "y"]),
        search.key("1", adults=2),
        search.key("1", x=None),
        search.key("1", options={"x": None}),
    ]
    assert len({*keys}) == len(keys)


def test_the_params_are_the_arguments_by_name(ns):
    """Another service can compute the key."""
    decorated = cached(ns, "search")(plain)
    assert decorated.key("GRU", "LIS") == ns.key("search", {"origin": "GRU", "destination": "LIS"})


def test_the_resource_is_the_functions_own_name(ns):
    """Module and qualified name, if none is given."""
    assert cached(ns)(plain).key(1, 2).startswith(f"shop:{plain.__module__}.plain:")


def test_a_function_within_another_must_be_named(ns):
    """What it closes over is in no key, so its own name will not do."""

    async def inner(): ...

    with pytest.raises(ConfigurationError, match="give a resource"):
        cached(ns)(inner)


async def test_it_stays_the_function_it_was(ns):
    """Name, documentation and signature survive, and the function is at hand."""
    decorated = cached(ns, "search")(plain)
    assert (decorated.__name__, decorated.__doc__) == ("plain", "Documented.")
    assert inspect.signature(decorated) == inspect.signature(plain)
    assert decorated.uncached is decorated.__wrapped__ is plain


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((), {}), (("GRU",), {}), ((), {"origin": 1}), ((1, 2, 3), {}), ((1,), {"origin": 2}), ((1,), {"x": 2})],
)
def test_wrong_arguments_are_a_type_error(ns, args, kwargs):
    """Missing, too many, given twice, unknown: as without the decorator."""
    with pytest.raises(TypeError):
        cached(ns, "search")(plain).key(*args, **kwargs)


async def test_positional_only_arguments(ns):
    """Bound as Python binds them."""

    @cached(ns, "search")
    async def search(origin, /, destination="LIS", *, adults=1):
        return origin

    assert search.key("GRU") == search.key("GRU", adults=1, destination="LIS")
    with pytest.raises(TypeError):
        search.key(origin="GRU")


@pytest.mark.parametrize("function", [lambda: 1, len])
def test_only_async_functions_are_decorated(ns, function):
    """A plain function is refused at once."""
    with pytest.raises(ConfigurationError, match="not an async function"):
        cached(ns, "search")(function)


def test_the_decorator_without_parentheses_is_refused(ns):
    """At decoration, and not at the first call, which would be taken for a function."""
    with pytest.raises(ConfigurationError, match=r"write @namespace\.cached\(\)"):
        ns.cached(plain)


@pytest.mark.parametrize("kind", [classmethod, staticmethod])
def test_decorators_of_methods_stand_above(ns, kind):
    """The wrong order is refused, and the text says which is right."""
    with pytest.raises(ConfigurationError, match=f"@{kind.__name__} goes above"):
        cached(ns, "search")(kind(plain))


async def test_an_argument_without_canonical_form_is_named(search):
    """The error says which argument, and what can be done."""
    with pytest.raises(InvalidKey, match=r"argument 'adults' of .*search.*ignore=\['adults'\]"):
        await search("GRU", adults=object())


def test_an_ignored_argument_is_not_in_the_key(ns):
    """A session or a tracer does not distinguish calls."""
    decorated = cached(ns, "search", ignore=["destination"])(plain)
    assert decorated.key("GRU", object()) == decorated.key("GRU", object()) != decorated.key("LIS", object())


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"ignore": ["session"]}, "session"),
        ({"ignore": "origin"}, "list"),
        ({"ignore": ["origin"], "key": plain}, "exclude"),
        ({"tags": "route"}, "list"),
        ({"tags": ["route:{from}"]}, "from"),
        ({"tags": ["route:{}"]}, "route:{}"),
        ({"tags": ["route:{origin.name}"]}, "origin.name"),
        ({"tags": ["route:{origin:{width}}"]}, "width"),
        ({"tags": ["route:{origin"]}, "no template"),
        ({"ttl": 0}, "ttl"),
        ({"ttl": True}, "ttl"),
    ],
)
def test_an_option_that_cannot_work_is_refused_at_decoration(ns, options, names):
    """And the text names it."""
    with pytest.raises(ConfigurationError) as refused:
        cached(ns, "search", **options)(plain)
    assert names in str(refused.value)


def test_a_resource_that_is_none_is_refused_at_decoration(ns):
    """Also while there is no namespace yet."""
    with pytest.raises(InvalidKey, match="resource"):
        cached(lambda: ns, "se*rch")(plain)


async def test_tags_are_filled_from_the_arguments(ns):
    """Templates take the bound arguments, a function takes the call's."""
    templates = cached(ns, "a", tags=["route:{origin}-{destination}", "all"])(plain)
    function = cached(ns, "b", tags=lambda origin, destination: [f"{origin}/{destination}"])(plain)
    assert (await templates.entry("GRU", "LIS")).tags == ("route:GRU-LIS", "all")
    assert (await function.entry("GRU", destination="LIS")).tags == ("GRU/LIS",)


async def test_ttl_is_the_decorators(ns):
    """In seconds, instead of the policy's."""
    assert (await cached(ns, "search", ttl=60)(plain).entry("GRU", "LIS")).ttl == 60


async def test_steer_decides_by_the_result(ns):
    """It has the context and the result, before the result is kept."""
    decorated = cached(ns, "search", steer=lambda ctx, result: ctx.ttl(len(result)))(plain)
    assert (await decorated.entry("GRU", "LIS")).ttl == 2


async def test_key_gives_the_params(ns):
    """It takes the call's arguments, defaults included."""
    decorated = cached(ns, "search", key=lambda origin, destination: [origin.lower(), destination])(plain)
    assert decorated.key("GRU", destination="LIS") == ns.key("search", ["gru", "LIS"])


async def test_a_result_is_forgotten(search, calls):
    """delete() takes the call's arguments."""
    await search("GRU")
    assert await search.delete(origin="GRU") is True
    assert await search.delete("GRU") is False
    await search("GRU")
    assert len(calls) == 2


async def test_a_refresh_runs_the_function(search, calls):
    """Whatever is kept; and what it gives is kept."""
    await search("GRU")
    assert await search.refresh("GRU") == ["GRU", "LIS"]
    assert (await search.entry("GRU")).source != "load"
    assert len(calls) == 2


async def test_a_failure_is_raised_and_not_kept(ns):
    """The next call tries again."""
    outcomes = iter([ValueError("no"), "yes"])

    @cached(ns, "flaky")
    async def flaky():
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    with pytest.raises(ValueError, match="no"):
        await flaky()
    assert await flaky() == "yes"


async def test_the_namespace_may_come_later(ns):
    """A function gives it at each use, so a module can decorate before the cache is open."""
    opened = {}
    decorated = cached(lambda: opened["shop"], "search")(plain)
    with pytest.raises(KeyError):
        await decorated("GRU", "LIS")
    opened["shop"] = ns
    assert await decorated("GRU", "LIS") == ["GRU", "LIS"]


def api_class(ns, **options):
    class Api:
        def __init__(self, tenant):
            self.tenant = tenant

        @cached(ns, "prices", **options)
        async def prices(self, route):
            return f"{self.tenant} {route}"

    return Api


async def test_a_method_of_an_unknown_instance_is_refused(ns):
    """What one instance loaded is never another's by accident."""
    with pytest.raises(InvalidKey, match="argument 'self'"):
        await api_class(ns)("ana").prices("GRU")


async def test_a_bound_method_does_not_lose_its_instance(ns):
    """Decorated when it is already bound, its instance still counts."""

    class Api:
        async def prices(self, route): ...

    with pytest.raises(InvalidKey, match="argument 'self'"):
        await cached(ns, "prices")(Api().prices)("GRU")


async def test_a_bound_method_keeps_its_instance_as_another_classs_attribute(ns):
    """As bound methods do."""
    prices = api_class(ns, ignore=["self"])("ana").prices
    other = type("Other", (), {"prices": prices})
    assert await other().prices("GRU") == "ana GRU"


async def test_a_partial_does_not_lose_its_arguments(ns):
    """Given by position or by name, they are part of the key."""

    async def prices(origin, destination, adults):
        return f"{origin} {destination} {adults}"

    def of(*args, **kwargs):
        return cached(ns, "prices", tags=["from:{origin}"])(functools.partial(prices, *args, **kwargs))

    assert await of("GRU", adults=1)("LIS") == "GRU LIS 1"
    assert await of("OPO", adults=1)("LIS") == "OPO LIS 1"
    assert await of("OPO", adults=2)("LIS") == "OPO LIS 2"
    assert of("OPO", "LIS").key(1) == of("OPO").key("LIS", 1) == of().key("OPO", "LIS", adults=1)
    assert list(inspect.signature(of("GRU", adults=1)).parameters) == ["destination", "adults"]


async def test_a_cached_function_may_be_cached_again(cache, ns):
    """Each decorator is of its own namespace: a short-lived copy of a long-lived one."""
    inner = cached(cache.namespace("inner"), "prices")(plain)
    outer = cached(ns, "prices")(inner)
    assert await outer("GRU", "LIS") == await inner("GRU", "LIS")
    assert outer.key("GRU", "LIS").startswith(f"{ns.name}:")
    assert inner.key("GRU", "LIS").startswith("inner:")
    await inner.delete("GRU", "LIS")
    assert (await outer.entry("GRU", "LIS")).source != "load"


async def test_a_callable_objects_attributes_do_not_hide_ours(ns):
    """Its own `key` is no key of Redis."""

    class Prices:
        key = "an API's"

        def __init__(self):
            self.key = "secret"

        async def __call__(self, route):
            return route

    assert cached(ns, "prices")(Prices()).key("GRU").startswith(f"{ns.name}:prices:")


async def test_instances_share_if_told_to(ns):
    """`ignore=["self"]` says that the result does not depend on the instance."""
    api = api_class(ns, ignore=["self"])
    assert await api("ana").prices("GRU") == await api("bob").prices(route="GRU") == "ana GRU"


async def test_an_instance_may_stand_for_itself(ns):
    """`__cache_key__` tells instances apart; the class's name keeps two classes apart."""

    class Bob(api_class(ns)):
        def __cache_key__(self):
            return self.tenant

    class Eve(Bob): ...

    assert await Bob("a").prices("GRU") == "a GRU"
    assert await Bob("b").prices("GRU") == "b GRU"
    assert Bob("a").prices.key("GRU") == Bob("a").prices.key("GRU") != Eve("a").prices.key("GRU")
    namesake = type("Bob", (Bob,), {"__module__": "elsewhere", "__qualname__": Bob.__qualname__})
    assert Bob("a").prices.key("GRU") != namesake("a").prices.key("GRU")


async def test_a_dataclass_is_its_fields(ns):
    """It has a canonical form, as an argument and as an instance."""

    @dataclasses.dataclass
    class Api:
        tenant: str

        @cached(ns, "prices")
        async def prices(self, route):
            return f"{self.tenant} {route}"

    assert [await Api(each).prices("GRU") for each in "aba"] == ["a GRU", "b GRU", "a GRU"]


async def test_a_bound_method_behaves_like_one(ns):
    """Its verbs and its signature need no instance, and the class's need one."""
    api_type = api_class(ns, ignore=["self"])
    api = api_type("ana")
    await api.prices("GRU")
    assert list(inspect.signature(api.prices).parameters) == ["route"]
    assert api.prices.key("GRU") == api_type.prices.key(api, "GRU")
    assert await api.prices.uncached("LIS") == "ana LIS"
    assert await api.prices.delete("GRU") is True


@pytest.mark.parametrize("kind", [classmethod, staticmethod])
async def test_class_and_static_methods(ns, kind):
    """The class of a classmethod is an argument, too; a staticmethod has no such."""

    async def prices(*arguments):
        return arguments[-1]

    async def of_class(cls, route):
        return route

    function = of_class if kind is classmethod else prices
    ignore = ["cls"] if kind is classmethod else []
    api = type("Api", (), {"prices": kind(cached(ns, "prices", ignore=ignore)(function))})
    assert await api.prices("GRU") == await api().prices("GRU") == "GRU"


def test_a_repr_tells_function_and_resource(search):
    """And no argument."""
    assert repr(search) == "<cached search.<locals>.search as search>"
