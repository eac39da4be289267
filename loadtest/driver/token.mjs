// Signed tokens, made before the clock starts.

import { createHmac, randomBytes } from 'node:crypto';

const LIFETIME_SECONDS = 3600;

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const HEADER = encoded({ alg: 'HS256', typ: 'JWT' });

export function signed(user, secret) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { sub: user, iat: now, exp: now + LIFETIME_SECONDS, jti: randomBytes(9).toString('base64url') };
  const said = `${HEADER}.${encoded(claims)}`;
  return `${said}.${createHmac('sha256', secret).update(said).digest('base64url')}`;
}
