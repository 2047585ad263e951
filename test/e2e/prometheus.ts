/** One sample of Prometheus' text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads the text format (version 0.0.4), written down here on its own. A line that is none of it is an error. */
export function readSamples(text: string): Sample[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (NaN|Nan|[+-]?(?:Inf|[0-9.e+-]+))$/.exec(line);
      if (match?.[1] === undefined || match[3] === undefined) throw new Error(`no sample: ${line}`);
      const labels = [...(match[2] ?? '').matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(?:,|$)/g)];
      return {
        name: match[1],
        labels: Object.fromEntries(labels.map(([, label = '', value = '']) => [label, value])),
        value: Number(match[3].replace('Inf', 'Infinity')),
      };
    });
}

/** The one sample with that name and, among others, those labels; undefined: there is none. */
export function sampleOf(samples: readonly Sample[], name: string, labels: Record<string, string> = {}): number | undefined {
  const found = samples.filter((each) => each.name === name && Object.entries(labels).every(([label, value]) => each.labels[label] === value));
  if (found.length > 1) throw new Error(`${name} ${JSON.stringify(labels)} is said ${found.length} times`);
  return found[0]?.value;
}
