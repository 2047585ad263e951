import { setTimeout as delay } from 'node:timers/promises';
import { ApiClient, Found, Resource } from './api-client';
import { Call, Io } from './command';
import { CliError, EXIT, ExitCode } from './exit-codes';
import { keyValueLines } from './output';
import { ProgressBar } from './progress';

/** Seconds between two looks at a job. */
const INTERVAL_SECONDS = 1;
/** A gateway that restarts is waited for: so many looks in a row may fail. */
const MAX_FAILURES = 60;

const RUNNING = ['CREATING', 'RESTORING', 'DELETING'];

/** A resource for people or, with `--json`, for programs. */
export async function showResource(call: Call, resource: Resource): Promise<void> {
  if (call.json) await call.io.out.json(resource);
  else await call.io.out.write(keyValueLines(resource));
}

/**
 * Follows a job until it has ended, and prints how it ended.
 * @param eachState with `--json`, print every state that is seen, not only the last
 * @returns 1 if the job failed, or the verification did not pass; a backup that was watched while it was deleted and is gone: 0
 */
export async function follow(call: Call, client: ApiClient, start: Found, eachState: boolean): Promise<ExitCode> {
  const { io } = call;
  const seconds = call.integer('interval') ?? INTERVAL_SECONDS;
  const bar = new ProgressBar(io);
  let found: Found | undefined = start;
  let last = start.resource;
  let printed = '';
  try {
    while (found && isRunning(found.resource)) {
      last = found.resource;
      const text = JSON.stringify(last);
      if (eachState && call.json && text !== printed) await io.out.json(last);
      printed = text;
      await bar.show(stateOf(last));
      await delay(seconds * 1000, undefined, { signal: io.signal });
      found = await look(client, found, io, seconds);
    }
  } finally {
    await bar.end();
  }
  if (!found) return gone(call, last);
  await showResource(call, found.resource);
  const { status, verification } = found.resource;
  const unproved = isVerifying(last) && verification?.status !== 'PASSED';
  return unproved || status.endsWith('_FAILED') ? EXIT.failed : EXIT.ok;
}

function isRunning(resource: Resource): boolean {
  return RUNNING.includes(resource.status) || isVerifying(resource);
}

function isVerifying({ verification }: Resource): boolean {
  return verification?.status === 'RUNNING';
}

async function gone(call: Call, last: Resource): Promise<ExitCode> {
  if (last.status !== 'DELETING') throw new CliError(EXIT.notFound, 'NotFound', 'it was deleted while it was watched');
  if (!call.json) await call.io.out.line('deleted');
  return EXIT.ok;
}

/** One look, repeated while the gateway is away. */
async function look(client: ApiClient, { kind, id }: Found, io: Io, seconds: number): Promise<Found | undefined> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await client.findOf(kind, id);
    } catch (error) {
      const mayPass = error instanceof CliError && error.exitCode === EXIT.unavailable && failures < MAX_FAILURES;
      if (!mayPass) throw error;
      if (failures === 1) await io.err.line(`${error.message}; the job goes on without us, trying again`);
      await delay(seconds * 1000, undefined, { signal: io.signal });
    }
  }
}

function stateOf({ status, progress, verification }: Resource): Parameters<ProgressBar['show']>[0] {
  return {
    label: progress?.phase ?? (verification ? 'verifying' : status.toLowerCase()),
    done: progress?.items_done ?? 0,
    total: progress?.items_total_estimate,
    etaSeconds: progress?.eta_seconds,
  };
}
