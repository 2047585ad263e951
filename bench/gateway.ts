import { ApiClient } from '../demo/api-client';
import { DEMO_PROJECT, DEMO_TOKEN, Deployment } from '../demo/deployment';
import { Stops, stopsOnceStarted } from './stops';

/**
 * A gateway process of its own for each measurement, so that its peak memory is that measurement's.
 * @param stops has it while it runs, before what it stands on
 */
export async function withGateway<T>(env: Readonly<Record<string, string>>, stops: Stops, work: (gateway: Deployment, api: ApiClient) => Promise<T>): Promise<T> {
  const starting = Deployment.start('bench', env);
  const running = stopsOnceStarted(stops, starting);
  try {
    const gateway = await starting;
    return await work(gateway, new ApiClient(gateway.url, DEMO_TOKEN, DEMO_PROJECT)).catch((error: unknown) => {
      say(gateway.output());
      throw error;
    });
  } finally {
    await running.stop();
    if (stops.includes(running)) stops.splice(stops.indexOf(running), 1);
  }
}

/** A line for whoever waits. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
