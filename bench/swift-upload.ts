import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Secret } from '../src/kernel';
import { ObjectStoreRegistry } from '../src/storage';

/**
 * Stores a file in a Swift as the product stores chunks: in objects of so many bytes, some at a time; or, `parallel` being 0, as one large object in segments
 * of so many bytes. Prints seconds and peak memory. A process of its own, so that its memory is this upload's.
 */
async function main([server = '', file = '', piece = '', parallel = '', container = '']: string[]): Promise<void> {
  const { size } = await stat(file);
  const pieceBytes = Number(piece);
  const internalUrl = `swift+${server}/v1/AUTH_test/{project}`;
  const credentials = { auth_url: `${server}/auth/v1.0`, username: 'test:tester', password: 'testing' };
  const stores = new ObjectStoreRegistry({
    internalUrl,
    internalCredentials: new Map(Object.entries(credentials).map(([name, value]) => [name, new Secret(value)])),
    internalSwift: { segmentBytes: pieceBytes },
  });
  const location = await stores.locationOf({ type: 'internal' }, { projectId: container, backupId: '01890000-0000-7000-8000-000000000001' });
  const store = await stores.open(location);
  const sourceOf = (start: number, bytes: number) => ({ size: bytes, open: () => createReadStream(file, { start, end: start + bytes - 1, highWaterMark: 256 * 1024 }) });
  const began = performance.now();
  if (parallel === '0') {
    await store.put('file', sourceOf(0, size));
  } else {
    let next = 0;
    const work = async (): Promise<void> => {
      for (let start = next; start < size; start = next) {
        next += pieceBytes;
        await store.put(`pieces/${start}`, sourceOf(start, Math.min(pieceBytes, size - start)));
      }
    };
    await Promise.all(Array.from({ length: Number(parallel) }, work));
  }
  const seconds = (performance.now() - began) / 1000;
  process.stdout.write(JSON.stringify({ seconds, peakMiB: process.resourceUsage().maxRSS / 1024 }), () => process.exit(0));
}

void main(process.argv.slice(2));
