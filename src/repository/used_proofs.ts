// Used client assertions and DPoP proofs: each is accepted once on all replicas (RFC 7523 section
// 3, RFC 9449 section 11.1). Not limited in number, since a deleted row would allow a replay; they
// expire within an hour, and only verified ones are stored.
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
    /**
     * Whether this is the first use. Stored until `expires_at`, after which the proof must be
     * refused as too old.
     */
    async useOnce(proof: { proof_hash: Buffer; expires_at: Date }): Promise<boolean> {
      return (await use(proof)).length > 0;
    },
  };
}
