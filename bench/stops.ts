/** Something that runs until it is stopped; to stop it twice does no harm. */
export interface Stoppable {
  stop(): Promise<void>;
}

/** What a bench must stop, however it ends; last things first. */
export type Stops = Stoppable[];

/**
 * Keeps in mind what is about to start: ended in the middle of that, the bench waits for it and stops it.
 * @returns what stops it and is in `stops`
 */
export function stopsOnceStarted(stops: Stops, starting: Promise<Stoppable>): Stoppable {
  const entry = { stop: () => starting.then((started) => started.stop(), () => undefined) };
  stops.unshift(entry);
  return entry;
}

/** As `stopsOnceStarted`, for what runs to the bench's end. */
export function started<T extends Stoppable>(stops: Stops, starting: Promise<T>): Promise<T> {
  stopsOnceStarted(stops, starting);
  return starting;
}

/** Does the work, and stops everything in the end, whatever the end is: also a signal, or that nobody reads any more what is said. */
export async function withStops<T>(stops: Stops, work: () => Promise<T>): Promise<T> {
  const interrupted = new Promise<never>((_goOn, end) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => end(new Error(`ended by ${signal}`)));
    for (const output of [process.stdout, process.stderr]) output.on('error', () => end(new Error('nobody reads the output')));
  });
  try {
    return await Promise.race([work(), interrupted]);
  } finally {
    await stopAll(stops);
  }
}

/** What cannot be stopped keeps nothing else running. */
async function stopAll(stops: Stops): Promise<void> {
  const failures: unknown[] = [];
  for (let next = stops.shift(); next !== undefined; next = stops.shift()) await next.stop().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}
