import { SpanKind } from '@opentelemetry/api';
import type { PluginMetrics } from './plugin-metrics';
import { endSpan, startSpan } from './tracing';

/** A request to an object store, as the storage room's observers hear of it. */
interface Request {
  readonly operation: string;
  readonly place: string;
  readonly name: string;
  readonly bytes?: number;
}

/** Counts, times and traces the requests to object stores. */
export class StoreTelemetry {
  constructor(private readonly metrics?: PluginMetrics) {}

  began({ operation, place, name, bytes }: Request): (outcome: 'ok' | 'missing' | 'error' | 'aborted') => void {
    const began = performance.now();
    const span = startSpan(`object_store ${operation}`, {
      kind: SpanKind.CLIENT,
      attributes: {
        'magnetodb.store.operation': operation,
        'magnetodb.store.place': place,
        'magnetodb.store.object': name,
        ...(bytes === undefined ? {} : { 'magnetodb.store.bytes': bytes }),
      },
    });
    return (outcome) => {
      span.setAttribute('magnetodb.outcome', outcome);
      endSpan(span, outcome === 'error' ? 'StorageError' : undefined);
      this.metrics?.storeSeconds.observe({ operation, place, outcome }, (performance.now() - began) / 1000);
      if (operation === 'put' && outcome === 'ok') this.metrics?.storedBytes.inc({ place }, bytes ?? 0);
    };
  }
}
