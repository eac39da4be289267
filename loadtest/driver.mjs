// The clients of the load test: as many processes of clients as are asked for, told what to do line by line.
//
//   node loadtest/driver.mjs '{"url": …, "secret": …, "workers": 2, "addresses": 4}'
//
// Each line of its input is an order, `{"do": "connect", …}` (see driver/clients.mjs); the answer is one line of
// JSON. Counts and durations stand for all processes together. It ends when its input does.

import { fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const WORKER = fileURLToPath(new URL('./driver/worker.mjs', import.meta.url));

const settings = JSON.parse(process.argv[2]);
const workers = Array.from({ length: settings.workers }, (_, number) => {
  const stdio = ['ignore', 'ignore', 'inherit', 'ipc'];
  const worker = fork(WORKER, [JSON.stringify({ ...settings, number })], { stdio });
  worker.on('exit', (code) => {
    if (code) process.exit(code);
  });
  return worker;
});

function tell(worker, order) {
  return new Promise((resolve) => {
    worker.once('message', resolve);
    worker.send(order);
  });
}

/** The share of one process: as even as whole numbers allow. */
function share(order, number) {
  const of = (whole) => Math.floor(((number + 1) * whole) / workers.length) - Math.floor((number * whole) / workers.length);
  const split = { ...order };
  for (const name of ['count', 'window']) if (name in order) split[name] = of(order[name]);
  if ('rate' in order) split.rate = order.rate / workers.length;
  return split;
}

/** Numbers are added up, lists joined, and so on inward. */
function merge(answers) {
  const [first] = answers;
  if (typeof first === 'number') return answers.reduce((sum, one) => sum + one, 0);
  if (Array.isArray(first)) return answers.flat();
  const names = new Set(answers.flatMap(Object.keys));
  return Object.fromEntries(
    [...names].map((name) => [name, merge(answers.map((one) => one[name]).filter((value) => value !== undefined))]),
  );
}

const percentile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];

/** Lists of milliseconds become their count, percentiles and worst. */
function summed(value) {
  if (Array.isArray(value)) {
    const sorted = Float64Array.from(value).sort();
    if (!sorted.length) return { count: 0 };
    const [p50, p95, p99, max] = [0.5, 0.95, 0.99, 1].map((part) => percentile(sorted, part));
    return { count: sorted.length, p50, p95, p99, max };
  }
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, summed(inner)]));
}

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  const began = performance.now();
  const answers = await Promise.all(workers.map((worker, number) => tell(worker, share(order, number))));
  const answer = { ...summed(merge(answers)), seconds: (performance.now() - began) / 1000 };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
for (const worker of workers) worker.disconnect();
