import { fileURLToPath } from 'node:url';
import { ApiClient } from './api-client';
import { DEMO_PROJECT, DEMO_TOKEN, Deployment } from './deployment';

/** A deployment, as one of its users sees it. */
export interface Party {
  readonly api: ApiClient;
  /** The last of what its gateway printed: for when something fails. */
  output(): string;
}

/** One who restores. */
export interface RestoringParty extends Party {
  /** Said beside the URL, if the backup's place asks for credentials. */
  readonly strategy?: unknown;
  /** Types of the events that the first deployment's listeners have heard, where it has such. */
  readonly notified?: readonly string[];
}

/** Where the demo takes place: two deployments that know nothing of each other. */
export interface Scenery {
  /** What is about to be started, for whoever waits. */
  readonly firstIs: string;
  readonly secondIs: string;
  first(): Promise<Party>;
  /** Empty, but allowed to read where the backup lies; begun when the table is backed up and dropped. */
  second(backupUrl: string): Promise<RestoringParty>;
  /** Stops all that was started, and removes its data; also in the middle of a start. */
  end(): Promise<void>;
}

/** Two gateways, each with an embedded PostgreSQL and a folder. */
export class PlainScenery implements Scenery {
  readonly firstIs = 'an embedded PostgreSQL, an object store in a folder';
  readonly secondIs = 'the same, empty';
  private readonly started: Promise<Deployment>[] = [];

  async first(): Promise<Party> {
    return this.start('first');
  }

  async second(backupUrl: string): Promise<RestoringParty> {
    return this.start('second', { ALLOWED_FOLDERS: fileURLToPath(new URL('.', backupUrl)) });
  }

  async end(): Promise<void> {
    await stopAll(this.started);
  }

  private async start(name: string, settings: Record<string, string> = {}): Promise<Party> {
    const starting = Deployment.start(name, settings);
    this.started.push(starting);
    const deployment = await starting;
    return { api: new ApiClient(deployment.url, DEMO_TOKEN, DEMO_PROJECT), output: deployment.output };
  }
}

/** The last one first; what did not start has stopped itself. */
export async function stopAll(deployments: readonly Promise<Deployment>[]): Promise<void> {
  for (const starting of [...deployments].reverse()) await starting.then((deployment) => deployment.stop(), () => undefined);
}
