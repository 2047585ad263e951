const rows = require('../rows.js');
const TEST = 'test/bench/bench.spec.ts';

module.exports = [
  ...rows('bench/command-line.ts', TEST, [
    ['bench-unknown', 'an unknown mode of the bench is an error', 'if (mode === undefined || more.length > 0)', 'if (more.length > 0)', 'cassandar'],
    ['bench-foreign-option', 'an option of another bench is an error', '&& !OPTIONS[mode].includes(option)', '&& false', 'items","5"'],
    ['bench-part', 'a part that the bench does not have is an error', '!parts.every((part) => PARTS[mode].includes(part))', 'false', 'only","reads"'],
  ]),
  ...rows('bench/main.ts', TEST, [
    ['bench-help', 'help is printed, and nothing started', "request === 'help' ? HELP : await withStops", "request === 'help' ? 'help' : await withStops", 'prints help'],
  ]),
  ...rows('bench/stops.ts', TEST, [
    ['bench-signals', 'an interrupted bench stops what it has started', "['SIGINT', 'SIGTERM', 'SIGHUP']", "['SIGINT', 'SIGTERM']", 'by a signal'],
    ['bench-early', 'a bench interrupted in the middle of a start stops that, too', '  stops.unshift(entry);\n', '', 'by a signal'],
    ['bench-epipe', 'a bench whose output nobody reads leaves nothing running', "output.on('error', () => end(new Error('nobody reads the output')))", "output.on('error', () => process.exit(1))", 'a reader who goes away'],
    ['bench-stubborn', 'what cannot be stopped keeps nothing else running', 'await next.stop().catch((error: unknown) => failures.push(error));', 'await next.stop();', 'by a reader'],
  ]),
];
