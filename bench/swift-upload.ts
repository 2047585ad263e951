import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { Secret } from '../src/kernel';
import { ObjectStoreRegistry, bufferSource } from '../src/storage';

/**
 * Stores a file in a Swift as the product stores chunks: in objects of so many bytes, each in memory when it is sent, some at a time; or, `parallel` being 0, as
 * one large object in segments of so many bytes, read as they are sent. Prints seconds and peak memory. A process of its own, so that its memory is this upload's.
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
  const began = performance.now();
  const before = process.cpuUsage();
  if (parallel === '0') {
    const from = (start = 0, end = size) => createReadStream(file, { start, end: end - 1, highWaterMark: 1024 * 1024 });
    await store.put('file', { size, open: from });
  } else {
    // As a backup marks its place before it copies: the container is there then.
    await store.put('mark', bufferSource(Buffer.from('mark')));
    const handle = await open(file);
    let next = 0;
    const work = async (): Promise<void> => {
      const memory = Buffer.alloc(pieceBytes);
      for (let start = next; start < size; start = next) {
        next += pieceBytes;
        const { bytesRead } = await handle.read(memory, 0, pieceBytes, start);
        await store.put(`pieces/${start}`, bufferSource(memory.subarray(0, bytesRead)));
      }
    };
    await Promise.all(Array.from({ length: Number(parallel) }, work));
    await handle.close();
  }
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(before);
  const measured = { seconds, cpuSeconds: (user + system) / 1e6, peakMiB: process.resourceUsage().maxRSS / 1024 };
  process.stdout.write(JSON.stringify(measured), () => process.exit(0));
}

void main(process.argv.slice(2));
