import { randomUUID } from 'node:crypto';

import {
  ConnectedSocket,
  MessageBody,
  OnGatewayDisconnect,
  OnGatewayInit,
  SubscribeMessage,
  WebSocketGateway,
} from '@nestjs/websockets';
import { verify } from 'jsonwebtoken';
import type { Server, Socket } from 'socket.io';

import { required } from './redis';
import { SocketAuthRepository } from './socket-auth.repository';

type Reply = Record<string, unknown>;

@WebSocketGateway({ cors: { origin: true } })
export class ChatGateway implements OnGatewayInit, OnGatewayDisconnect {
  private readonly secret = required('LOADTEST_SECRET');

  constructor(private readonly sockets: SocketAuthRepository) {}

  /** Who has no valid token, or cannot be registered, is not let in. */
  afterInit(server: Server): void {
    server.use((socket, next) => {
      this.enter(socket).then(
        () => next(),
        (error: Error) => next(error),
      );
    });
  }

  async handleDisconnect(socket: Socket): Promise<void> {
    await this.sockets.remove(socket.id);
  }

  @SubscribeMessage('chat:start')
  async start(@ConnectedSocket() socket: Socket): Promise<Reply> {
    const sessionId = randomUUID();
    if (!(await this.sockets.bind(socket.id, sessionId))) {
      return { ok: false, error: { code: 'not_connected', message: 'This socket is not signed in.' } };
    }
    socket.data.sessionId = sessionId;
    return { ok: true, sessionId };
  }

  @SubscribeMessage('echo')
  echo(@ConnectedSocket() socket: Socket, @MessageBody() payload: unknown): Reply {
    if (socket.data.expiresAt <= Date.now() / 1000) {
      return { ok: false, error: { code: 'token_expired', message: 'The token has expired.' } };
    }
    return { ok: true, echo: payload };
  }

  private async enter(socket: Socket): Promise<void> {
    const claims = verify(String(socket.handshake.auth.token), this.secret, { algorithms: ['HS256'] });
    if (typeof claims === 'string' || !claims.sub) throw new Error('token_invalid');
    socket.data.userId = claims.sub;
    socket.data.expiresAt = claims.exp ?? 0;
    await this.sockets.set(socket.id, claims.sub);
  }
}
