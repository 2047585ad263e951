import { MAX_TOKEN, MIN_TOKEN } from './positions';
import { TokenWeight } from './ring';

/** A cut goes to the end of a token range of the ring that is nearer than this part of what is between two cuts. */
const SNAP = 0.25;
const FINE = 2n ** 53n;

/** All weights together, had the tokens that nobody spoke of as much as the others. 0: nobody said anything. */
export function totalWeight(weights: readonly TokenWeight[]): number {
  return wholeRing(weights).reduce((sum, { bytes }) => sum + bytes, 0);
}

/**
 * Cuts the ring in parts of about the same weight: the last tokens of each but the last, ascending, at the ends of the ring's own token ranges where
 * these are near, so that one node holds a whole part. Fewer than asked for where there are not so many tokens.
 */
export function cutRing(weights: readonly TokenWeight[], ends: readonly bigint[], parts: number): bigint[] {
  const segments = wholeRing(weights);
  const share = segments.reduce((sum, { bytes }) => sum + bytes, 0) / parts;
  const cuts: bigint[] = [];
  let at = 0;
  let before = 0;
  let nextEnd = 0;
  const weightAt = weigher(segments);
  for (let cut = 1; cut < parts; cut++) {
    const wanted = cut * share;
    for (let bytes = segments[at]?.bytes ?? 0; at < segments.length - 1 && before + bytes < wanted; bytes = segments[at]?.bytes ?? 0) {
      before += bytes;
      at++;
    }
    const segment = segments[at];
    if (!segment) break;
    let token = inside(segment, segment.bytes === 0 ? 1 : (wanted - before) / segment.bytes);
    while (nextEnd < ends.length && weightAt(ends[nextEnd] ?? MAX_TOKEN) < wanted - SNAP * share) nextEnd++;
    const end = ends[nextEnd];
    if (end !== undefined && Math.abs(weightAt(end) - wanted) <= SNAP * share) token = end;
    if (token > (cuts.at(-1) ?? MIN_TOKEN) && token < MAX_TOKEN) cuts.push(token);
  }
  return cuts;
}

/** Ascending, without gaps and overlaps: estimates of a ring that changes have both. */
function wholeRing(weights: readonly TokenWeight[]): TokenWeight[] {
  const sorted = [...weights].sort((a, b) => (a.after < b.after ? -1 : a.after > b.after ? 1 : 0));
  const known: TokenWeight[] = [];
  let last = MIN_TOKEN;
  for (const { after, upTo, bytes } of sorted) {
    if (upTo <= last) continue;
    const from = after > last ? after : last;
    known.push({ after: from, upTo, bytes: (bytes * width(from, upTo)) / width(after, upTo) });
    last = upTo;
  }
  const covered = known.reduce((sum, { after, upTo }) => sum + width(after, upTo), 0);
  const density = covered === 0 ? 0 : known.reduce((sum, { bytes }) => sum + bytes, 0) / covered;
  const whole: TokenWeight[] = [];
  let end = MIN_TOKEN;
  for (const segment of [...known, { after: MAX_TOKEN, upTo: MAX_TOKEN, bytes: 0 }]) {
    if (segment.after > end) whole.push({ after: end, upTo: segment.after, bytes: density * width(end, segment.after) });
    if (segment.upTo > segment.after) whole.push(segment);
    end = segment.upTo;
  }
  return whole;
}

/** How much there is up to a token; asked for ascending tokens. */
function weigher(segments: readonly TokenWeight[]): (token: bigint) => number {
  let at = 0;
  let before = 0;
  return (token) => {
    for (let segment = segments[at]; segment && segment.upTo <= token; segment = segments[++at]) before += segment.bytes;
    const segment = segments[at];
    return segment && token > segment.after ? before + (segment.bytes * width(segment.after, token)) / width(segment.after, segment.upTo) : before;
  };
}

function inside({ after, upTo }: TokenWeight, part: number): bigint {
  return after + ((upTo - after) * BigInt(Math.floor(Math.min(1, Math.max(0, part)) * Number(FINE)))) / FINE;
}

function width(after: bigint, upTo: bigint): number {
  return Number(upTo - after);
}
