import { Server } from 'node:http';
import { INestApplication } from '@nestjs/common';

/** Calls that are under way have so long to end; then their connections are cut. Milliseconds. */
const DRAIN_MILLIS = 30_000;
const LOOK_MILLIS = 50;

/**
 * Closes the application: calls that are under way are answered, running steps are given back. Clients keep connections open for their next
 * call; such ones would hold the process for more than a minute after its last answer, so they are closed as they fall idle.
 */
export async function drain(app: INestApplication, drainMillis = DRAIN_MILLIS): Promise<void> {
  const server: Server = app.getHttpServer();
  const idle = setInterval(() => {
    if (!server.listening) server.closeIdleConnections();
  }, LOOK_MILLIS);
  const late = setTimeout(() => server.closeAllConnections(), drainMillis);
  try {
    await app.close();
  } finally {
    clearInterval(idle);
    clearTimeout(late);
  }
}
