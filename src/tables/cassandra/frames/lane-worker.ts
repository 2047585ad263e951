import { parentPort, workerData } from 'node:worker_threads';
import type { LaneOptions } from './lane-messages';
import { LaneServer } from './lane-server';

/** The file that the lane's worker thread runs. */
if (parentPort) new LaneServer(workerData as LaneOptions).serve(parentPort);
