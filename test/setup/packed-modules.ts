/** What the processes of tests load: module-pack.js makes one file of it. */
import '../../src/cli/run';
import '../../src/gateway/start';
import './job-worker';
