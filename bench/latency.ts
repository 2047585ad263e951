import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { DEMO_PROJECT, DEMO_TOKEN } from '../demo/deployment';
import { BenchTable } from './tables';

export interface Latency {
  readonly calls: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/**
 * Calls get_item at a fixed rate, whether earlier calls have been answered or not, until `done`: a call's time counts from the moment
 * at which it was due, so that a stall is felt by every call that it holds up.
 */
export async function measureGetItem(url: string, table: BenchTable, perSecond: number, done: () => boolean): Promise<Latency> {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const times: number[] = [];
  const calls: Promise<void>[] = [];
  const start = performance.now();
  for (let index = 0; !done(); index++) {
    const due = start + (index * 1000) / perSecond;
    const wait = due - performance.now();
    if (wait > 0) await delay(wait);
    const key = table.keyOf(Math.floor(((index * 0.618033988749895) % 1) * table.items));
    calls.push(getItem(agent, url, table.name, key).then(() => void times.push(performance.now() - due)));
  }
  await Promise.all(calls);
  agent.destroy();
  times.sort((a, b) => a - b);
  const at = (share: number): number => Math.round((times[Math.ceil(times.length * share) - 1] ?? 0) * 100) / 100;
  return { calls: times.length, p50: at(0.5), p99: at(0.99) };
}

function getItem(agent: Agent, url: string, table: string, key: unknown): Promise<void> {
  const body = JSON.stringify({ key, consistent_read: true });
  const headers = { 'x-auth-token': DEMO_TOKEN, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const call = request(`${url}/v1/data/${DEMO_PROJECT}/tables/${table}/get_item`, { method: 'POST', agent, headers }, (response) => {
      let size = 0;
      response.on('data', (piece: Buffer) => (size += piece.length));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200 && size > 2) resolve();
        else reject(new Error(`get_item answered ${response.statusCode} with ${size} bytes`));
      });
    });
    call.on('error', reject);
    call.end(body);
  });
}
