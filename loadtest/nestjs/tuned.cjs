// The same flow on Socket.IO without a framework, tuned: the secret is made a key once, Redis commands of
// one turn of the loop travel together, and what is known of a socket stands in this process as well.

'use strict';

const { createSecretKey, randomUUID } = require('node:crypto');
const { createServer } = require('node:http');

const Redis = require('ioredis');
const { verify } = require('jsonwebtoken');
const { Server } = require('socket.io');

const TTL_SECONDS = 3600;

const redis = new Redis({ path: process.env.LOADTEST_REDIS, enableAutoPipelining: true });
const secret = createSecretKey(Buffer.from(process.env.LOADTEST_SECRET));
const http = createServer();
const server = new Server(http, { serveClient: false });

const write = (id, auth) => redis.set(`socket_auth:${id}`, JSON.stringify(auth), 'EX', TTL_SECONDS);

server.use((socket, next) => {
  let claims;
  try {
    claims = verify(String(socket.handshake.auth.token), secret, { algorithms: ['HS256'] });
  } catch (error) {
    next(error);
    return;
  }
  const now = new Date().toISOString();
  socket.data.auth = { userId: claims.sub, connectedAt: now, lastActivity: now };
  socket.data.expiresAt = claims.exp;
  write(socket.id, socket.data.auth).then(() => next(), next);
});

server.on('connection', (socket) => {
  socket.on('chat:start', (_payload, reply) => {
    const sessionId = randomUUID();
    socket.data.auth = { ...socket.data.auth, sessionId, lastActivity: new Date().toISOString() };
    write(socket.id, socket.data.auth).then(
      () => reply({ ok: true, sessionId }),
      () => reply({ ok: false, error: { code: 'unavailable', message: 'Redis is away.' } }),
    );
  });
  socket.on('echo', (payload, reply) => {
    const signedIn = socket.data.expiresAt > Date.now() / 1000;
    reply(signedIn ? { ok: true, echo: payload } : { ok: false, error: { code: 'token_expired' } });
  });
  socket.on('disconnect', () => {
    redis.del(`socket_auth:${socket.id}`);
  });
});

process.on('SIGTERM', () => process.exit(0));
http.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: http.address().port })}\n`);
});
