/** Does work on each, so many at a time. The first failure ends it, once those on their way are over. */
export async function atOnce<T>(all: readonly T[], most: number, work: (one: T) => Promise<void>): Promise<void> {
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    while (next < all.length && !failure) {
      const one = all[next++];
      if (one === undefined) return;
      await work(one).catch((error: unknown) => {
        failure ??= { error };
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, all.length) }, worker));
  if (failure) throw failure.error;
}
