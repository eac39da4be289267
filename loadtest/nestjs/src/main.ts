// The gateway's flow as most people would write it: NestJS, Socket.IO, ioredis, one key per socket.
// It prints one line of JSON when it listens, and ends on SIGTERM.

import 'reflect-metadata';

import { NestFactory } from '@nestjs/core';

import { AppModule } from './app.module';
import { RedisIoAdapter } from './redis-io.adapter';

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  const adapter = new RedisIoAdapter(app);
  await adapter.connect();
  app.useWebSocketAdapter(adapter);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as { port: number };
  process.stdout.write(`${JSON.stringify({ port })}\n`);
}

process.on('SIGTERM', () => process.exit(0));
void main();
