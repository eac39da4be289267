"""What the gateway bears, beside the same flow on NestJS and others: `python -m loadtest`.

Reading order: `servers` (what is measured, each in a process of its own), `gateway`, `stock` and `bare` (what
runs in these), `process` (what the kernel says about them), `driver` (the clients, which are Node's),
`rounds` (what is done to the servers), `chats` (whole chats, by Artillery and by the driver), `report`.
"""
