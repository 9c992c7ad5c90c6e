// The cleanup of what has been built so far, in reverse order.

export type Closers = ReturnType<typeof createClosers>;

/** Cleanup functions, run in reverse order regardless of failures. */
export function createClosers() {
  const closers: (() => unknown)[] = [];
  async function close(): Promise<void> {
    const closer = closers.pop();
    if (!closer) return;
    try {
      await closer();
    } finally {
      await close();
    }
  }
  return { add: (closer: () => unknown) => void closers.push(closer), close };
}
