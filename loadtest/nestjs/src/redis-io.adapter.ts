import { IoAdapter } from '@nestjs/platform-socket.io';
import { createAdapter } from '@socket.io/redis-adapter';
import type { Server, ServerOptions } from 'socket.io';

import { openRedis } from './redis';

/** Instances hear each other through Redis, as NestJS' guide to websockets has it. */
export class RedisIoAdapter extends IoAdapter {
  private make?: ReturnType<typeof createAdapter>;

  async connect(): Promise<void> {
    const publisher = openRedis();
    const subscriber = publisher.duplicate();
    await Promise.all([publisher.ping(), subscriber.ping()]);
    this.make = createAdapter(publisher, subscriber);
  }

  override createIOServer(port: number, options?: ServerOptions): Server {
    const server: Server = super.createIOServer(port, options);
    if (this.make) server.adapter(this.make);
    return server;
  }
}
