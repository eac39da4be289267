"""What to say where a part is used without the extra it needs."""

__all__ = ["missing_extra"]


def missing_extra(error: ModuleNotFoundError, *, part: str, extra: str) -> ModuleNotFoundError:
    """An error that names the extra which brings the missing module; `error` itself if that is our own."""
    if error.name is None or error.name.partition(".")[0] == "cachekit":
        return error
    text = f"{part} needs the package cachekit-toolkit[{extra}] ({error.name} is missing)"
    return ModuleNotFoundError(text, name=error.name)
