const begun = new Map<string, number>();

/**
 * How often the running test has been begun; to be asked once a try, in `beforeEach`. A second try (second-try.js) meets what the first one has left:
 * where that would be in its way, it needs names of its own.
 */
export function beginTry(): number {
  const { currentTestName = '' } = expect.getState();
  const tries = (begun.get(currentTestName) ?? 0) + 1;
  begun.set(currentTestName, tries);
  return tries;
}
