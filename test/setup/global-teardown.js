const { once } = require('node:events');

module.exports = async () => {
  const running = globalThis.magnetodbTestServer;
  if (running === undefined) return;
  await running.server.stop();
  running.reaper.ref();
  running.reaper.stdin.end();
  await once(running.reaper, 'exit');
};
