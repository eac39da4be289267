// Time, in milliseconds, and what goes wrong in it.

export const now = () => performance.now();
export const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Wait for `promise`, at most so long; the error then names what was waited for. */
export function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${ms / 1000} s`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Counts errors by what they say. */
export class Errors {
  constructor() {
    this.seen = {};
  }

  note(error) {
    const what = error?.data?.code ?? error?.message ?? String(error);
    this.seen[what] = (this.seen[what] ?? 0) + 1;
  }
}
