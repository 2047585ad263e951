const CUT = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'];
const TRIES = 3;

/** `fetch`, again where the server closed an idle connection in the moment in which it was taken for a request, which it then has not read. */
export async function steadyFetch(url: string, init: RequestInit = {}): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetch(url, init);
    } catch (error) {
      const cause: unknown = error instanceof Error ? error.cause : undefined;
      const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
      if (attempt === TRIES || !CUT.some((cut) => cut === code)) throw error;
    }
  }
}
