// Everything a login needs to know about a person, in one statement: the credential of an identity,
// its user, whether the user's groups require a second factor, and the enrolled factors.
import { type SqlBool, sql } from 'kysely';
import { jsonArrayFrom } from 'kysely/helpers/postgres';
import type { ProviderKey } from '../domain/auth_provider.ts';
import type { Database } from '../postgres/database.ts';
import type { Sealer } from '../secrets/sealer.ts';
import { enrolmentOpener, MAX_ENROLMENTS, type MfaEnrolment } from './mfa_enrolments.ts';
import { selectUsers, type UserListEntry } from './users.ts';

export interface LoginPerson {
  user: UserListEntry;
  /** Null if the provider picked one of our users and no credential links them yet. */
  credential_id: string | null;
  /** Whether a current or coming group of the user requires a second factor. */
  is_mfa_required: boolean;
  /** Oldest first, unsealed. */
  enrolments: MfaEnrolment[];
}

export interface LoginPersonQuery {
  provider: ProviderKey;
  /** As stored. */
  subject: string;
  /** As typed, which an earlier version stored; preferred. */
  typed_subject: string;
  /** The user whom the provider picked, if no credential knows the identity. */
  user_id: string | null;
  /** The groups that the login will assign. */
  group_ids: readonly string[];
}

export type LoginPersonRepository = ReturnType<typeof createLoginPersonRepository>;

type Row = UserListEntry & {
  credential_id: string | null;
  is_mfa_required: boolean;
  enrolments: (Omit<MfaEnrolment, 'secret' | 'created_at' | 'last_used_at'> & {
    secret: string;
    created_at: string;
    last_used_at: string | null;
  })[];
};

export function createLoginPersonRepository({ prepare }: Pick<Database, 'prepare'>, sealer: Pick<Sealer, 'open'>) {
  const open = enrolmentOpener(sealer);
  const find = prepare<Omit<LoginPersonQuery, 'provider'> & { type: string; id: string }, Row>('login_person_find', (kysely, p) => {
    const identity = (column: 'id' | 'user_id') => sql<
      string | null
    >`(select ${sql.ref(column)} from credentials where auth_provider_type = ${p.type}
      and coalesce(auth_provider_id, '') = ${p.id} and subject in (${p.typed_subject}, ${p.subject})
      order by subject = ${p.typed_subject} desc limit 1)`;
    return selectUsers(kysely)
      .where(sql<SqlBool>`users.id = coalesce(${identity('user_id')}, ${p.user_id})`)
      .select(({ selectFrom }) => [
        identity('id').as('credential_id'),
        sql<boolean>`exists (select from groups where is_enabled and require_mfa and (id = any(${p.group_ids})
          or exists (select from user_groups where user_id = users.id and group_id = groups.id)))`.as('is_mfa_required'),
        jsonArrayFrom(
          selectFrom('mfa_enrolments')
            .whereRef('user_id', '=', 'users.id')
            .select(['id', 'user_id', 'mfa_module_id', 'name', 'version', 'created_at', 'last_used_at'])
            .select(sql<string>`encode(secret, 'base64')`.as('secret'))
            .orderBy('created_at')
            .orderBy('id')
            .limit(MAX_ENROLMENTS),
        ).as('enrolments'),
      ]) as never;
  });

  return {
    /** Undefined if there is no user. Changes nothing. */
    async find({ provider, ...query }: LoginPersonQuery): Promise<LoginPerson | undefined> {
      const { auth_provider_type: type, auth_provider_id } = provider;
      const [row] = await find({ ...query, type, id: auth_provider_id ?? '' });
      if (!row) return undefined;
      const { credential_id, is_mfa_required, enrolments, ...user } = row;
      const opened = enrolments.map(({ secret, created_at, last_used_at, ...entry }) =>
        open({
          ...entry,
          secret: Buffer.from(secret, 'base64'),
          created_at: new Date(created_at),
          last_used_at: last_used_at === null ? null : new Date(last_used_at),
        }),
      );
      return { user, credential_id, is_mfa_required, enrolments: opened };
    },
  };
}
