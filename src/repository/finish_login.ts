// The end of a login flow: the flow goes and its authorization code is there, in one statement. Called by login/finish.ts.
import { sql } from 'kysely';
import type { LoginFlow } from '../domain/login_flow.ts';
import type { Database } from '../postgres/database.ts';
import type { NewAuthorizationCode } from './authorization_codes.ts';

export type FinishedLoginRepository = ReturnType<typeof createFinishedLoginRepository>;

export function createFinishedLoginRepository({ kysely }: Pick<Database, 'kysely'>) {
  return {
    /** Trades a flow, in the version that was read, for its code; false when another request has ended or moved it. */
    async issueForFlow({ id, version }: Pick<LoginFlow, 'id' | 'version'>, code: NewAuthorizationCode): Promise<boolean> {
      const columns = Object.keys(code) as (keyof NewAuthorizationCode)[];
      const issued = await kysely
        .with('taken', (db) => db.deleteFrom('login_flows').where('id', '=', id).where('version', '=', version).returning('id'))
        .insertInto('authorization_codes')
        .columns(columns)
        .expression((db) => db.selectFrom('taken').select(columns.map((column) => sql.val(code[column]).as(column))))
        .returning('code_hash')
        .executeTakeFirst();
      return issued !== undefined;
    },
  };
}
