// Ends a login flow: replaces it by its authorization code in one statement.
import { sql } from 'kysely';
import type { LoginFlow } from '../domain/login_flow.ts';
import type { Database } from '../postgres/database.ts';
import type { NewAuthorizationCode } from './authorization_codes.ts';

export type FinishedLoginRepository = ReturnType<typeof createFinishedLoginRepository>;

export function createFinishedLoginRepository({ kysely }: Pick<Database, 'kysely'>) {
  return {
    /**
     * Exchanges a flow, if unchanged, for its code; false if another request has ended or changed
     * it.
     */
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
