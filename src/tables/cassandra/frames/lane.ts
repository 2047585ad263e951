import { MessageChannel, Worker } from 'node:worker_threads';
import { LaneOptions, LaneReply, LaneRequest } from './lane-messages';
import { LaneServer } from './lane-server';

/** The worker's heap holds next to nothing: lines and frames lie outside of it. */
const LIMITS = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 192 };

/** Where pages are read: a thread, or, where none can be started, this one. */
export interface Lane {
  post(request: LaneRequest): void;
  /** The process waits for it. */
  ref(): void;
  unref(): void;
  close(): Promise<void>;
}

/** @param onEnd the lane has ended by itself */
export function openLane(options: LaneOptions, execArgv: readonly string[], onReply: (reply: LaneReply) => void, onEnd: (error: Error) => void): Lane {
  const file = require.resolve('./lane-worker');
  // A thread loads compiled files; sources only with the help that the process itself was started with.
  const all = [...process.execArgv, ...execArgv];
  const loads = file.endsWith('.js') || all.some((argument) => argument === '-r' || argument === '--require');
  if (!loads) return here(options, onReply);
  const worker = new Worker(file, { workerData: options, resourceLimits: LIMITS, name: 'cassandra-frames', ...(execArgv.length > 0 ? { execArgv: all } : {}) });
  return inThread(worker, onReply, onEnd);
}

function inThread(worker: Worker, onReply: (reply: LaneReply) => void, onEnd: (error: Error) => void): Lane {
  worker.on('message', onReply);
  worker.on('error', (error) => onEnd(error instanceof Error ? error : new Error(String(error))));
  worker.on('exit', () => onEnd(new Error('the thread of the lane ended')));
  return {
    post: (request) => worker.postMessage(request, [...request.spares]),
    ref: () => worker.ref(),
    unref: () => worker.unref(),
    close: async () => {
      worker.removeAllListeners('exit');
      await worker.terminate();
    },
  };
}

function here(options: LaneOptions, onReply: (reply: LaneReply) => void): Lane {
  const { port1, port2 } = new MessageChannel();
  const server = new LaneServer(options);
  server.serve(port2);
  port1.on('message', onReply);
  return {
    post: (request) => port1.postMessage(request, [...request.spares]),
    ref: () => port1.ref(),
    unref: () => port1.unref(),
    close: async () => {
      port1.close();
      await server.close();
    },
  };
}
