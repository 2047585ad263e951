import { Attributes, Context, ROOT_CONTEXT, Span, SpanKind, SpanStatusCode, TimeInput, Tracer, context, isSpanContextValid, trace } from '@opentelemetry/api';
import { PRODUCT_VERSION } from './product-version';

/**
 * Spans through OpenTelemetry's API. Without an SDK in the process (the host's, or the gateway's own where a collector is configured)
 * all of this does nothing. Attributes are ids, kinds, counts: never items, tokens, secrets, SQL or paths.
 */
export interface SpanFacts {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  /** Default: the span that is active. */
  readonly parent?: Context;
  /** Milliseconds since the epoch. Default: now. */
  readonly startedAt?: number;
}

const [NAME, VERSION] = PRODUCT_VERSION.split('/');

function tracer(): Tracer {
  return trace.getTracer(NAME ?? PRODUCT_VERSION, VERSION);
}

export function startSpan(name: string, facts: SpanFacts = {}): Span {
  return tracer().startSpan(
    name,
    {
      ...(facts.kind === undefined ? {} : { kind: facts.kind }),
      ...(facts.attributes === undefined ? {} : { attributes: facts.attributes }),
      ...(facts.startedAt === undefined ? {} : { startTime: facts.startedAt }),
    },
    facts.parent ?? context.active(),
  );
}

/** Runs `work` with the span active, so that spans below it become its children. The caller ends it. */
export function inSpan<T>(span: Span, work: () => T): T {
  return context.with(trace.setSpan(context.active(), span), work);
}

/** Ends the span; `failure` is the kind of error, never its message, which may quote anything. */
export function endSpan(span: Span, failure?: string, at?: TimeInput): void {
  if (failure !== undefined) {
    span.setAttribute('error.type', failure);
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end(at);
}

/** The active span as W3C `traceparent`, to be kept for work that goes on elsewhere; undefined: nothing is traced. */
export function currentTraceParent(): string | undefined {
  const span = trace.getActiveSpan()?.spanContext();
  if (span === undefined || !isSpanContextValid(span)) return undefined;
  return `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, '0')}`;
}

/** The context in which spans become children of a kept `traceparent`. */
export function contextOf(traceParent: string | undefined): Context {
  const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceParent ?? '');
  if (match?.[1] === undefined || match[2] === undefined || match[3] === undefined) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId: match[1], spanId: match[2], traceFlags: Number.parseInt(match[3], 16), isRemote: true });
}

/** Ids of the active span, for lines of the log; nothing where nothing is traced. */
export function currentTraceFields(): { trace_id?: string; span_id?: string } {
  const span = trace.getActiveSpan()?.spanContext();
  return span === undefined || !isSpanContextValid(span) ? {} : { trace_id: span.traceId, span_id: span.spanId };
}
