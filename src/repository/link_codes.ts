// Codes of link_user flows: redeemed by one statement that also links the identity. Codes of
// authorize flows are not accepted.
import { type Kysely, sql } from 'kysely';
import type { ProviderKey } from '../domain/auth_provider.ts';
import type { Schema } from '../postgres/schema.ts';

/** A presented code, and the credential to create. */
export interface LinkRequest {
  code_hash: Buffer;
  client_id: string;
  user_id: string;
  credential_id: string;
  now: Date;
}

/** A redeemed code. */
export interface RedeemedLinkCode extends ProviderKey {
  subject: string;
  /**
   * Null if the identity is linked to another user, or the user has a credential at this provider.
   */
  credential_id: string | null;
}

/**
 * Undefined for an unknown or used code. It is used up even if it links nothing, as in Home
 * Assistant.
 */
export async function redeemLinkCode(trx: Kysely<Schema>, request: LinkRequest): Promise<RedeemedLinkCode | undefined> {
  const { code_hash, client_id, user_id, credential_id, now } = request;
  // Codes with a challenge belong to the token endpoint. A code whose credential was removed is
  // invalid. A provider that picks users links only the one it picked.
  const query = sql<RedeemedLinkCode>`
    with spent as (
      update authorization_codes set spent_at = ${now}
      where code_hash = ${code_hash} and client_id = ${client_id} and purpose = 'link_user' and spent_at is null and expires_at > ${now}
        and code_challenge is null
      returning auth_provider_type, auth_provider_id, identity
    ), linked as (
      insert into credentials (id, user_id, auth_provider_type, auth_provider_id, subject, data, created_at)
      select ${credential_id}, ${user_id}, auth_provider_type, auth_provider_id, identity ->> 'subject', identity -> 'data', ${now}
      from spent where coalesce(identity ->> 'user_id', ${user_id}) = ${user_id}
      on conflict do nothing
      returning id
    )
    select auth_provider_type, auth_provider_id, identity ->> 'subject' as subject, linked.id as credential_id
    from spent left join linked on true`;
  return (await query.execute(trx)).rows[0];
}
