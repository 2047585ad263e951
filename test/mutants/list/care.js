const rows = require('../rows');

/** What looks after the deployment: data that is needed is kept, what nobody needs goes, settings are read again. */
const RUNNER = 'src/jobs/job-runner.spec.ts';
const BUILDS = 'test/e2e/abandoned-builds.e2e-spec.ts';
const POLICY_FILE = 'src/auth/policy/policy-file-watch.spec.ts';
const DELETION = 'test/e2e/management-deletion.e2e-spec.ts';

module.exports = [
  ...rows('src/backup/backup.service.ts', DELETION, [
    ['deleted-under-a-restore', 'a backup that is being restored is not deleted', 'if (ids.length === 0) return;', 'if (ids.length >= 0) return;', 'is refused, naming the restores'],
  ]),
  ...rows('src/jobs/job-runner.ts', RUNNER, [
    ['places-of-waiting-steps', 'a step that waits off its rate limit lends its place', 'this.runs.size - this.waitingRuns().length < stepsPerProcess', 'this.runs.size < stepsPerProcess', 'gives the place of a step that waits'],
  ]),
  ...rows('src/jobs/step-ledger.ts', RUNNER, [
    ['waiting-job-takes-every-place', 'a job that waits off its rate limit takes no second place', 'OR NOT j.paused AND j.id <> ALL($2))', 'OR NOT j.paused AND $2::uuid[] IS NOT NULL)', 'gives the place of a step that waits'],
    ['place-for-an-unknown-job', 'a job of an unknown kind takes no place', 'AND NOT q.paused AND q.kind = ANY($3)', 'AND NOT q.paused AND $3::text[] IS NOT NULL', 'leaves jobs of a kind that it does not know'],
  ]),
  ...rows('src/restore/abandoned-builds.ts', BUILDS, [
    ['abandoned-builds-kept', 'a build that no job will end is dropped', "return restore === 'over' ||", "return restore === 'running' ||", 'are dropped, and those of running'],
    ['running-build-collected', 'the build of a running restore is left alone', "if (restore === 'running') return false;", '', 'are dropped, and those of running'],
    ['strangers-build-collected', 'a build of an unknown restore is left for a day', 'createdAt + STRANGERS_GRACE_MILLIS < this.deps.clock.now()', 'createdAt < this.deps.clock.now()', 'are dropped, and those of running'],
  ]),
  ...rows('src/backup-restore.runtime.ts', BUILDS, [
    ['builds-never-collected', 'abandoned builds are collected by every process', '    this.collection.start();\n', '', 'are dropped, and those of running'],
  ]),
  ...rows('src/auth/policy/policy-file-watch.ts', POLICY_FILE, [
    ['policy-file-read-once', 'a changed policy file is read again', '      this.policy.replaceRules(text);\n', '', 'is read again when it changes'],
    ['policy-file-half-read', 'a policy file is not judged while it is being written', 'if (!settled || text', 'if (text', 'while it is being written'],
    ['policy-file-broken-unsaid', 'a broken policy file is named in the log', 'this.logger.warn(', 'String(', 'is read again when it changes'],
  ]),
  ...rows('src/auth/policy/policy.ts', POLICY_FILE, [
    ['broken-policy-in-force', 'a broken policy file changes nothing', '    this.rules = readRules(parseFile(text));', '    this.rules = new Map();\n    this.rules = readRules(parseFile(text));', 'is read again when it changes'],
  ]),
  ...rows('src/restore/running-restores.ts', DELETION, [
    ['deletion-waits-for-old-restores', 'a backup that was restored is deleted', ", status: 'RESTORING' as const };", ' };', 'is refused, naming the restores'],
    ['restore-of-a-deleted-backup', 'of a restore and a deletion at the same moment one is refused', "if (backup?.status === 'DELETING') throw", "if (backup?.status === 'CREATING') throw", 'at the same moment'],
  ]),
];
