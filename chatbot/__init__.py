"""A Socket.IO gateway in which a language model answers flight questions.

Reading order: `messages` (what travels on the socket), `models` (the protocol of a language model),
`tools` (what a model may call), `assistant` (the bounded loop between the two), `sessions`,
`auth`, `generation`, `gateway`, `health`, and `app`, where everything is wired.
"""
