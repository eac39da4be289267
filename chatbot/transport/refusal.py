"""Why somebody may not connect."""


class ConnectRefused(Exception):
    """Raised by a connect handler: the client gets a CONNECT_ERROR and is not connected.

    Attributes:
        code: a stable word; the client finds it in `error.data.code`.
        message: a sentence, in `error.message` and `error.data.message`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
