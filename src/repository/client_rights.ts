// Conditions on a person's use of a client, included in every statement that creates or uses a
// standard grant.
import { type RawBuilder, sql } from 'kysely';

/** The client's settings that decide. */
export interface ClientRights {
  /** Groups whose members may use it; null: everybody. */
  allowed_group_ids: readonly string[] | null;
  /** No consent is required. */
  is_trusted: boolean;
}

/**
 * Groups removed from the configuration do not count; the owner may use every client. `user_id` is
 * SQL.
 */
export function isInAllowedGroup(user_id: string, { allowed_group_ids }: Pick<ClientRights, 'allowed_group_ids'>): RawBuilder<boolean> {
  return sql<boolean>`(${allowed_group_ids}::text[] is null or exists (
    select from user_groups ug join groups g on g.id = ug.group_id
    where ug.user_id = ${sql.raw(user_id)} and ug.group_id = any(${allowed_group_ids}) and g.is_enabled)
    or exists (select from users o where o.id = ${sql.raw(user_id)} and o.is_owner))`;
}

/** Withdrawn consents do not count. `user_id` and `client_id` are SQL. */
export function isConsented(user_id: string, client_id: string, { is_trusted }: Pick<ClientRights, 'is_trusted'>): RawBuilder<boolean> {
  return sql<boolean>`(${is_trusted}::boolean or exists (
    select from consents a where a.user_id = ${sql.raw(user_id)} and a.client_id = ${sql.raw(client_id)}))`;
}

/**
 * The requested subset of the granted resource servers; `own_resource` if none were granted (RFC
 * 8707 section 2.2). `granted` is SQL.
 */
export function fitsResource(granted: string, p: { resource: readonly string[] | null; own_resource: string }): RawBuilder<boolean> {
  return sql<boolean>`(${p.resource}::text[] is null or ${p.resource}::text[] <@
    case when cardinality(${sql.raw(granted)}) = 0 then array[${p.own_resource}::text] else ${sql.raw(granted)} end)`;
}
