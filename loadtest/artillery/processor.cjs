// What Artillery lacks for the scenario: who connects is signed in first, how long connecting took is reported,
// and an answer is read to its end.

'use strict';

const { createHmac, randomBytes, randomUUID } = require('node:crypto');

const ANSWER_WITHIN_MS = 60_000;
// A month ahead: what is searched for must lie in the future, and not too far.
const DAY = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);
const QUESTIONS = [
  `flights from São Paulo to Lisbon on ${DAY}`,
  `flights from London to New York on ${DAY}`,
  `flights from Paris to Tokyo on ${DAY}`,
  'what can you do?',
];

const now = () => performance.now();
let asked = 0;
const arrivalsOver = now() + 1000 * Number(process.env.LOADTEST_SECONDS ?? 10);

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function signed(user, secret) {
  const seconds = Math.floor(Date.now() / 1000);
  const claims = { sub: user, iat: seconds, exp: seconds + 3600, jti: randomBytes(9).toString('base64url') };
  const said = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded(claims)}`;
  return `${said}.${createHmac('sha256', secret).update(said).digest('base64url')}`;
}

async function tokenFor(user, url) {
  if (process.env.LOADTEST_SECRET) return signed(user, process.env.LOADTEST_SECRET);
  const headers = { 'content-type': 'application/json' };
  const reply = await fetch(new URL('/demo/login', url), { method: 'POST', headers, body: JSON.stringify({ user }) });
  if (!reply.ok) throw new Error(`/demo/login answered ${reply.status}`);
  return (await reply.json()).token;
}

/** Wrap the client of Artillery's engine: a socket connects once it has a token, and notes how long that took. */
function wrapClient() {
  const core = require.resolve('@artilleryio/int-core');
  const { Manager } = require(require.resolve('socket.io-client', { paths: [core] }));
  const make = Manager.prototype.socket;
  Manager.prototype.socket = function (...given) {
    const socket = make.apply(this, given);
    let began;
    socket.once('connect', () => (socket.connectTook = now() - began));
    const user = `a-${randomBytes(8).toString('hex')}`;
    tokenFor(user, this.uri).then(
      (token) => {
        began = now();
        socket.auth = { token };
        socket.connect();
      },
      (error) => socket.emitReserved('connect_error', error),
    );
    return socket;
  };
}

wrapClient();

const socketOf = (context) => context.sockets[''];

function noteConnected(context, events, done) {
  events.emit('histogram', 'chat.connect', socketOf(context).connectTook);
  return done();
}

function begin(context, events, done) {
  context.began = now();
  return done();
}

function noteStarted(context, events, done) {
  events.emit('histogram', 'chat.start', now() - context.began);
  return done();
}

/** From here on every event of the answer is heard; the question is asked next. */
function listen(context, events, done) {
  const socket = socketOf(context);
  const began = now();
  let first = true;
  let last = 0;
  context.began = began;
  context.vars.messageId = randomUUID();
  context.vars.text = QUESTIONS[asked++ % QUESTIONS.length];
  context.answer = new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('no answer in time')), ANSWER_WITHIN_MS);
    // Artillery's engine hands every packet to '*', and nothing to onAny.
    const listener = ({ data: [event, payload] }) => {
      if (payload?.seq === undefined) return;
      if (payload.seq !== ++last) reject(new Error('an event of the answer is missing'));
      if (event === 'chat:delta' && first) {
        first = false;
        events.emit('histogram', 'chat.first_token', now() - began);
      }
      if (event !== 'chat:done') return;
      clearTimeout(late);
      socket.off('*', listener);
      events.emit('histogram', 'chat.full_answer', now() - began);
      if (payload.stopReason === 'end_turn') resolve();
      else reject(new Error(`the answer ended with ${payload.error?.code ?? payload.stopReason}`));
    };
    socket.on('*', listener);
    socket.once('disconnect', (reason) => reject(new Error(`disconnected: ${reason}`)));
  });
  // It is awaited once the question is acknowledged.
  context.answer.catch(() => {});
  return done();
}

function noteAcknowledged(context, events, done) {
  events.emit('histogram', 'chat.acknowledged', now() - context.began);
  return done();
}

function answered(context, events, done) {
  context.answer.then(
    () => done(),
    (error) => {
      events.emit('error', error.message);
      done(error);
    },
  );
}

function untilAllAreThere(context, events, done) {
  setTimeout(done, Math.max(0, arrivalsOver - now()));
}

module.exports = { answered, begin, listen, noteAcknowledged, noteConnected, noteStarted, untilAllAreThere };
