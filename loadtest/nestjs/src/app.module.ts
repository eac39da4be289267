import { Module } from '@nestjs/common';

import { ChatGateway } from './chat.gateway';
import { REDIS, openRedis } from './redis';
import { SocketAuthRepository } from './socket-auth.repository';

@Module({
  providers: [ChatGateway, SocketAuthRepository, { provide: REDIS, useFactory: openRedis }],
})
export class AppModule {}
