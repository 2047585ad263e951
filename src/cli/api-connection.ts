import { Call } from './command';
import { CliError, EXIT, exitCodeOfStatus, usageError } from './exit-codes';

const DEFAULT_URL = 'http://127.0.0.1:8480';
/** A call that is not answered by then has failed. */
const TIMEOUT_MILLIS = 60_000;

/** A gateway and a token for it. */
export class ApiConnection {
  private constructor(
    private readonly url: string,
    private readonly token: string,
    private readonly signal: AbortSignal,
  ) {}

  /** By options, then environment. @throws CliError if something is missing */
  static of(call: Call): ApiConnection {
    const { env, signal } = call.io;
    const url = call.text('url') ?? env['MAGNETODB_URL'] ?? DEFAULT_URL;
    const token = call.text('token') ?? env['MAGNETODB_TOKEN'];
    if (!/^https?:\/\/[^/@?#]+(\/[^?#]*)?$/i.test(url)) throw usageError('the gateway’s URL must look like https://host[:port][/path]');
    if (!token) throw usageError('no token: set MAGNETODB_TOKEN, or give --token');
    return new ApiConnection(url.replace(/\/+$/, ''), token, signal);
  }

  /** The JSON that a call answers. @throws CliError with the exit code of what went wrong */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.send(method, path, body);
    const answer = parseAnswer(response.text);
    if (response.status >= 200 && response.status < 300 && answer !== undefined) return answer as T;
    const error = answer?.['error'] as { type?: unknown; message?: unknown } | undefined;
    throw new CliError(
      exitCodeOfStatus(response.status),
      typeof error?.type === 'string' ? error.type : 'UnexpectedAnswer',
      typeof error?.message === 'string'
        ? error.message
        : `the server answered ${response.status}, and not as a MagnetoDB gateway does`,
    );
  }

  private async send(method: string, path: string, body: unknown): Promise<{ status: number; text: string }> {
    try {
      const response = await fetch(this.url + path, {
        method,
        headers: { 'X-Auth-Token': this.token, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        // A redirection would carry the token elsewhere.
        redirect: 'manual',
        signal: AbortSignal.any([this.signal, AbortSignal.timeout(TIMEOUT_MILLIS)]),
      });
      return { status: response.status, text: await response.text() };
    } catch (error) {
      this.signal.throwIfAborted();
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      const code = (cause as NodeJS.ErrnoException).code ?? (cause as Error).name;
      throw new CliError(EXIT.unavailable, 'ServiceUnavailable', `the gateway cannot be reached (${code})`);
    }
  }
}

function parseAnswer(text: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null && !Array.isArray(json)
      ? (json as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
