// Records when grants were last used, in one statement per second: a write per refresh would halve
// the throughput. A crash loses a second of these times, never a token.
import type { Clock } from '../domain/clock.ts';
import type { RefreshTokenRepository, TokenUse } from '../repository/refresh_tokens.ts';

const FLUSH_MS = 1_000;
/** Maximum rows per statement. */
const BATCH = 1_000;
/** Maximum grants waiting; while the database is unreachable, further ones are dropped. */
const MAX_WAITING = 20_000;

export interface LastUsedDeps {
  refreshTokens: Pick<RefreshTokenRepository, 'noteUses'>;
  clock: Clock;
}

export interface LastUsed {
  note(id: string, remote_address: string): void;
  /** Writes what is waiting; on failure it stays waiting, and the error is thrown. */
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
        // A use recorded in the meantime is newer.
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
