import { createPostgresTableBackend, withTableLock } from '../../src/tables';

/**
 * A process that puts a table in MAINTENANCE and works for ever: to be stopped or killed. Environment: DATABASE_URL, TABLE (of project demo),
 * SECONDS. Prints `locked`, and in the end what became of its lock.
 */
async function main(): Promise<void> {
  const backend = await createPostgresTableBackend({ connectionString: process.env.DATABASE_URL ?? '' });
  const ref = { projectId: 'demo', name: process.env.TABLE ?? '' };
  const work = (signal: AbortSignal): Promise<void> => {
    process.stdout.write('locked\n');
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
  };
  await withTableLock(backend, ref, `process ${process.pid}`, Number(process.env.SECONDS), work);
  process.stdout.write('held\n');
}

main().catch((error: unknown) => process.stdout.write(`lost: ${error instanceof Error ? error.message : String(error)}\n`, () => process.exit(0)));
