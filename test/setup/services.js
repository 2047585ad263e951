const { readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

/** When a process began, as /proc says; undefined if it runs no more. */
function startTime(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field, the program's name, may hold spaces.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function entries(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Kills the process groups of every service below the folder (test/services/openstack/lib.sh): one that was stopped is known by its start time. */
function killServices(folder) {
  for (const service of entries(folder)) {
    for (const file of entries(join(folder, service, 'run')).filter((name) => name.endsWith('.pid'))) {
      const [pid, born] = readFileSync(join(folder, service, 'run', file), 'utf8').trim().split(' ');
      if (born === undefined || startTime(pid) !== born) continue;
      try {
        process.kill(-Number(pid), 'SIGKILL');
      } catch {
        // Ended in this moment.
      }
    }
  }
}

module.exports = { killServices };
