/** For tests of what is loaded when: as the process ends it prints the packages of OpenTelemetry that were required. */
process.on('exit', () => {
  const packages = Object.keys(require.cache).map((file) => /node_modules\/(@opentelemetry\/[^/]+)\//.exec(file)?.[1]);
  for (const name of new Set(packages)) if (name !== undefined) process.stdout.write(`loaded ${name}\n`);
});
