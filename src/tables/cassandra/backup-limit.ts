import { BackupLimit } from '../table-backend';

/** For each node: some 28,000 rows of 290 bytes a second, which take about two fifths of a core to read there. */
const BYTES_PER_SECOND = 8_000_000;
const REQUESTS_IN_FLIGHT = 2;

/** What backups may ask of a data centre of so many nodes, so that those who call it meanwhile hardly feel them. */
export function backupLimit(nodes: number): BackupLimit {
  const parts = Math.max(1, nodes);
  return { bytesPerSecond: parts * BYTES_PER_SECOND, requestsInFlight: parts * REQUESTS_IN_FLIGHT };
}
