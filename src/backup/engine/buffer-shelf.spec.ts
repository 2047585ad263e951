import { BufferShelf } from './buffer-shelf';

describe('BufferShelf', () => {
  it('gives what was given back, to one at a time', () => {
    const shelf = new BufferShelf();
    const buffer = shelf.take(100);
    expect(shelf.take(100).buffer).not.toBe(buffer.buffer);
    shelf.giveBack(buffer);
    expect(shelf.take(60).buffer).toBe(buffer.buffer);
    expect(shelf.take(60).buffer).not.toBe(buffer.buffer);
  });

  it('gives nothing that is too small', () => {
    const shelf = new BufferShelf();
    const buffer = shelf.take(100);
    shelf.giveBack(buffer);
    expect(shelf.take(101)).toHaveLength(101);
    expect(buffer).toHaveLength(100);
  });
});
