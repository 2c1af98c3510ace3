// What the soak tests share. LLAMA_SOAK=1 makes them long; LLAMA_SERVER may be a sanitizer's build.
export const isLong = Boolean(process.env.LLAMA_SOAK);

/** Numbers that a seed repeats (mulberry32). */
export function generator(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return {
    next,
    below: (count) => Math.floor(next() * count),
    chance: (probability) => next() < probability,
    pick: (list) => list[Math.floor(next() * list.length)],
  };
}

/** Runs `work(i)` for 0..count-1, at most `width` at once. */
export async function inParallel(count, width, work) {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** Fails on what a sanitizer has reported. */
export function assertClean(server) {
  const report = /(ERROR|WARNING): \w+Sanitizer|runtime error:/.exec(server.log);
  if (report) throw new Error(server.log.slice(report.index, report.index + 4000));
}
