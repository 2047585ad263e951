import { trace } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { Registry } from 'prom-client';
import { BackupRestoreHealth } from '../../src/index';
import { until } from '../setup/until';
import { ManagementServer, makeTable, startManagement } from './management-server';
import { readSamples, sampleOf } from './prometheus';

/** A foreign host, on Express, with a registry and an SDK of its own. */
let server: ManagementServer;
const registry = new Registry();
const exporter = new InMemorySpanExporter();
beforeAll(async () => {
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
  server = await startManagement({ platform: 'express', metricsRegistry: registry });
  const backup = await server.client().madeBackup(await makeTable(server.backend, 7));
  expect(backup['status']).toBe('CREATED');
});
afterAll(async () => {
  await server.stop();
  trace.disable();
});

it('has the plugin’s metrics in its own registry', async () => {
  const all = await until(async () => {
    const samples = readSamples(await registry.metrics());
    return sampleOf(samples, 'magnetodb_backup_jobs', { kind: 'backup.create', state: 'succeeded' }) === 1 && samples;
  });
  expect(sampleOf(all, 'magnetodb_backup_items_total', { kind: 'backup.create' })).toBe(7);
  expect(sampleOf(all, 'magnetodb_backup_object_store_request_duration_seconds_count', { operation: 'put', place: 'internal', outcome: 'ok' })).toBeGreaterThan(0);
});

it('has the plugin’s spans in its own traces', () => {
  const names = exporter.getFinishedSpans().map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['backup.create plan', 'backup.create copy', 'backup.create seal', 'backup.create job', 'object_store put']));
});

it('asks the plugin’s parts for their health', async () => {
  const { parts } = server.app.get(BackupRestoreHealth);
  expect(parts.map(({ name }) => name)).toEqual(['JobDatabase', 'ObjectStore', 'Jobs', 'Messaging']);
  await Promise.all(parts.map((part) => part.check()));
});
