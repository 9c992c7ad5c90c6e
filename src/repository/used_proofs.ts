// Client assertions and DPoP proofs that were seen: each is good once, on whichever replica (RFC 7523 section 3, RFC 9449 section 11.1).
// Not limited by number: a row deleted early would let its proof be used again. A DPoP proof is two minutes
// old at most, a client assertion an hour, and both are stored only once their signature has been checked.
import type { Database } from '../postgres/database.ts';

export type UsedProofRepository = ReturnType<typeof createUsedProofRepository>;

export function createUsedProofRepository(database: Database) {
  const use = database.prepare('used_proofs_use', (kysely, p: { proof_hash: Buffer; expires_at: Date }) =>
    kysely
      .insertInto('used_proofs')
      .values({ proof_hash: p.proof_hash, expires_at: p.expires_at })
      .onConflict((oc) => oc.doNothing())
      .returning('expires_at'),
  );

  return {
    /** Whether this is the proof's first use; of parallel ones one is. It is remembered until `expires_at`, from when on it must be refused by its age. */
    async useOnce(proof: { proof_hash: Buffer; expires_at: Date }): Promise<boolean> {
      return (await use(proof)).length > 0;
    },
  };
}
