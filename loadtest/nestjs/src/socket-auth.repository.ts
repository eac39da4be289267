import { Inject, Injectable } from '@nestjs/common';
import type Redis from 'ioredis';

import { REDIS } from './redis';

export interface SocketAuth {
  userId: string;
  sessionId?: string;
  connectedAt: string;
  lastActivity: string;
}

const TTL_SECONDS = 3600;

/** Who is connected: one key per socket, which ends by itself. */
@Injectable()
export class SocketAuthRepository {
  constructor(@Inject(REDIS) private readonly redis: Redis) {}

  async set(socketId: string, userId: string): Promise<void> {
    const now = new Date().toISOString();
    await this.write(socketId, { userId, connectedAt: now, lastActivity: now });
  }

  async bind(socketId: string, sessionId: string): Promise<boolean> {
    const found = await this.redis.get(key(socketId));
    if (found === null) return false;
    const auth = JSON.parse(found) as SocketAuth;
    await this.write(socketId, { ...auth, sessionId, lastActivity: new Date().toISOString() });
    return true;
  }

  async remove(socketId: string): Promise<void> {
    await this.redis.del(key(socketId));
  }

  private async write(socketId: string, auth: SocketAuth): Promise<void> {
    await this.redis.set(key(socketId), JSON.stringify(auth), 'EX', TTL_SECONDS);
  }
}

function key(socketId: string): string {
  return `socket_auth:${socketId}`;
}
