/* global jest */
/**
 * On a machine of continuous integration a test that fails has one second try: the whole run is not lost to one race.
 * The run's summary names each test that needed it (test/setup/summary-reporter.js), so that the race is mended. TEST_RETRIES=0: none.
 */
if (process.env.CI === 'true' && process.env.TEST_RETRIES !== '0') {
  jest.retryTimes(1, { logErrorsBeforeRetry: true, retryImmediately: true });
}
