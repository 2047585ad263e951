import { Access, accessOf } from './access';
import { Call } from './command';
import { CliError, EXIT, exitCodeOfStatus, usageError } from './exit-codes';
import { HttpAnswer, connectionErrorCode, httpCall, jsonObject } from './http-call';

/** A gateway and a token for it, which is renewed where that is possible: a command may wait for longer than a token lives. */
export class ApiConnection {
  private access: Promise<Access> | undefined;

  private constructor(
    private readonly of: Call,
    /** The project that was asked for. */
    private readonly project: string | undefined,
  ) {}

  static of(call: Call): ApiConnection {
    return new ApiConnection(call, call.text('project') ?? (call.io.env['MAGNETODB_PROJECT'] || undefined));
  }

  /** The project that was asked for, or else the token's. @throws CliError if there is neither */
  async projectId(): Promise<string> {
    const project = this.project ?? (await this.current()).projectId;
    if (project === undefined) throw usageError('which project? Give --project or set MAGNETODB_PROJECT');
    return project;
  }

  /** The JSON that a call answers. @throws CliError with the exit code of what went wrong */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const access = await this.current();
    let response = await this.send(access, method, path, body);
    if (response.status === 401 && access.renewable) response = await this.send(await this.renewed(access), method, path, body);
    const answer = jsonObject(response.text);
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

  /** One log-in for all calls; one that failed is tried again. */
  private current(): Promise<Access> {
    this.access ??= accessOf(this.of).catch((error: unknown) => {
      this.access = undefined;
      throw error;
    });
    return this.access;
  }

  private async renewed(refused: Access): Promise<Access> {
    if ((await this.current()) === refused) this.access = undefined;
    return this.current();
  }

  private async send({ url, token, trust }: Access, method: string, path: string, body: unknown): Promise<HttpAnswer> {
    const { signal } = this.of.io;
    try {
      return await httpCall({
        method,
        url: url + path,
        headers: { 'X-Auth-Token': token, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        trust,
        signal,
      });
    } catch (error) {
      signal.throwIfAborted();
      throw new CliError(EXIT.unavailable, 'ServiceUnavailable', `the gateway at ${url} cannot be reached (${connectionErrorCode(error)}); --url or MAGNETODB_URL says where it is`);
    }
  }
}
