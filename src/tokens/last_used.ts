// Notes when a grant was last used, for all that were used within a second in one statement: a write in each refresh would halve them.
// A crash loses a second of *last used*, never a token.
import type { Clock } from '../domain/clock.ts';
import type { RefreshTokenRepository, TokenUse } from '../repository/refresh_tokens.ts';

const FLUSH_MS = 1_000;
/** Most rows of one statement. */
const BATCH = 1_000;
/** Most grants that wait; while the database is away, uses of further ones are forgotten. */
const MAX_WAITING = 20_000;

export interface LastUsedDeps {
  refreshTokens: Pick<RefreshTokenRepository, 'noteUses'>;
  clock: Clock;
}

export interface LastUsed {
  note(id: string, remote_address: string): void;
  /** Writes what waits. What could not be written waits on, and the error is the caller's. */
  flush(): Promise<void>;
  /** The last flush. */
  close(): Promise<void>;
}

export function createLastUsed({ refreshTokens, clock }: LastUsedDeps): LastUsed {
  const waiting = new Map<string, TokenUse>();
  let timer: NodeJS.Timeout | undefined;

  function schedule(): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      flush().catch(schedule);
    }, FLUSH_MS).unref();
  }

  async function flush(): Promise<void> {
    while (waiting.size > 0) {
      const uses = [...waiting.values()].slice(0, BATCH);
      for (const { id } of uses) waiting.delete(id);
      try {
        await refreshTokens.noteUses(uses);
      } catch (error) {
        // A use noted meanwhile is newer.
        for (const use of uses) if (!waiting.has(use.id)) keep(use);
        throw error;
      }
    }
  }

  function keep(use: TokenUse): void {
    if (waiting.size < MAX_WAITING || waiting.has(use.id)) waiting.set(use.id, use);
  }

  return {
    note(id, remote_address) {
      keep({ id, at: clock(), remote_address });
      schedule();
    },
    flush,
    async close() {
      clearTimeout(timer);
      await flush();
    },
  };
}
