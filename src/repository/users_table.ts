// The table `users` as Kysely types it. Part of schema.ts.
import type { Generated } from 'kysely';

export interface UsersTable {
  id: string;
  name: string | null;
  is_owner: Generated<boolean>;
  is_active: Generated<boolean>;
  is_pending: Generated<boolean>;
  system_generated: Generated<boolean>;
  local_only: Generated<boolean>;
  created_at: Date;
  username: string | null;
  email: string | null;
  email_verified: Generated<boolean>;
  email_credential_id: string | null;
  picture: string | null;
  locale: string | null;
  zoneinfo: string | null;
}
