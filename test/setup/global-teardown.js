const { once } = require('node:events');

module.exports = async () => {
  const { server, reaper } = globalThis.magnetodbTestRun ?? {};
  await server?.stop();
  if (reaper === undefined) return;
  reaper.ref();
  reaper.stdin.end();
  await once(reaper, 'exit');
};
