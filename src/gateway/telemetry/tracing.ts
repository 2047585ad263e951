import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../index';

export interface TracingOptions {
  /** Base URL of an OpenTelemetry collector (OTLP over HTTP): spans go to `<url>/v1/traces`. */
  readonly endpoint: string;
  readonly serviceName: string;
  /** Share of the requests that are traced, with all that follows from them: 0 to 1. */
  readonly ratio: number;
  readonly log: Logger;
}

/** A collector that is away is said so often at most, in milliseconds. */
const COMPLAIN_EVERY_MILLIS = 60_000;
/** Longest wait for the last spans to be sent. */
const GOODBYE_MILLIS = 5000;

/**
 * Registers OpenTelemetry's SDK for the whole process, and returns what sends the last spans and takes it away again. Its packages are
 * loaded here and not before: a gateway without a collector does not pay for them. `OTEL_EXPORTER_OTLP_HEADERS`, `…_TIMEOUT`, `…_CERTIFICATE`
 * and `OTEL_RESOURCE_ATTRIBUTES` are read by the packages themselves.
 */
export async function startTracing({ endpoint, serviceName, ratio, log }: TracingOptions): Promise<() => Promise<void>> {
  const [{ context, trace }, { AsyncLocalStorageContextManager }, { OTLPTraceExporter }, resources, sdk] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/context-async-hooks'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/sdk-trace'),
  ]);
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` });
  let complainedAt: number | undefined;
  const complaining: typeof exporter.export = (spans, done) =>
    exporter.export(spans, (result) => {
      const now = performance.now();
      if (result.code !== 0 && (complainedAt === undefined || now - complainedAt > COMPLAIN_EVERY_MILLIS)) {
        complainedAt = now;
        log.warn({ spans: spans.length }, 'spans could not be sent to the collector of traces; they are lost');
      }
      done(result);
    });
  const provider = new sdk.TracerProvider({
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(ratio) }),
    resource: resources
      .defaultResource()
      .merge(resources.resourceFromAttributes({ 'service.name': serviceName }))
      .merge(resources.detectResources({ detectors: [resources.envDetector] })),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter: { export: complaining, shutdown: () => exporter.shutdown() } })],
  });
  const manager = new AsyncLocalStorageContextManager().enable();
  context.setGlobalContextManager(manager);
  trace.setGlobalTracerProvider(provider);
  return async () => {
    // A collector that is away neither holds the process nor makes its end a failure: the log has said it.
    await Promise.race([provider.shutdown().catch(() => undefined), delay(GOODBYE_MILLIS, undefined, { ref: false })]);
    trace.disable();
    context.disable();
  };
}
