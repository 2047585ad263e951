import { ApiClient } from '../demo/api-client';
import { DEMO_PROJECT, DEMO_TOKEN, Deployment } from '../demo/deployment';

/**
 * A gateway process of its own for each measurement, so that its peak memory is that measurement's.
 * @param stops has it while it runs, before what it stands on
 */
export async function withGateway<T>(env: Readonly<Record<string, string>>, stops: { stop(): Promise<void> }[], work: (gateway: Deployment, api: ApiClient) => Promise<T>): Promise<T> {
  const gateway = await Deployment.start('bench', env);
  stops.unshift(gateway);
  try {
    return await work(gateway, new ApiClient(gateway.url, DEMO_TOKEN, DEMO_PROJECT));
  } catch (error) {
    say(gateway.output());
    throw error;
  } finally {
    stops.splice(stops.indexOf(gateway), 1);
    await gateway.stop();
  }
}

/** A line for whoever waits. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
