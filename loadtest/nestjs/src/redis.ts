import Redis from 'ioredis';

export const REDIS = Symbol('redis');

export function openRedis(): Redis {
  return new Redis({ path: required('LOADTEST_REDIS') });
}

export function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}
