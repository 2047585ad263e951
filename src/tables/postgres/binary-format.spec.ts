import fc from 'fast-check';
import { BinaryCopyParser, BinaryCopyWriter, readBigint } from './binary-format';

const field = fc.option(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)));

describe('binary copies', () => {
  it('come back whole, whatever the pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(field, field)), fc.integer({ min: 1, max: 400 }), (rows, step) => {
        const writer = new BinaryCopyWriter(256);
        for (const row of rows) writer.row(row);
        const bytes = Buffer.concat(writer.end());
        const seen: (Buffer | null)[][] = [];
        const parser = new BinaryCopyParser(2, (fields) => seen.push(fields.map((each) => each && Buffer.from(each))));
        for (let at = 0; at < bytes.length; at += step) parser.write(bytes.subarray(at, at + step));
        expect(seen).toEqual(rows);
        expect(parser.ended).toBe(true);
      }),
    );
  });

  it('tell when they were cut', () => {
    const writer = new BinaryCopyWriter();
    writer.row([Buffer.from('a')]);
    const bytes = Buffer.concat(writer.end());
    const parser = new BinaryCopyParser(1, () => undefined);
    parser.write(bytes.subarray(0, bytes.length - 1));
    expect(parser.ended).toBe(false);
  });

  it('hold every safe integer', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const writer = new BinaryCopyWriter();
        writer.row([value]);
        const parser = new BinaryCopyParser(1, ([bytes]) => expect(bytes && readBigint(bytes)).toBe(value));
        expect.hasAssertions();
        for (const piece of writer.end()) parser.write(piece);
      }),
    );
  });
});
