/** The socket itself: how it is opened, and what travels on it. */

import { io, type Socket } from "socket.io-client";
import type { ClientToServer, ServerToClient } from "./protocol";

export type ChatSocket = Socket<ServerToClient, ClientToServer>;

export function openSocket(token: string): ChatSocket {
  return io({
    auth: { token },
    // A websocket needs no sticky sessions; polling remains for networks that block it.
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    reconnectionDelayMax: 5_000,
    timeout: 10_000,
    autoConnect: false,
  });
}
