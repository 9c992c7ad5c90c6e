// Measures refreshes with a growing number of grants, whose cost must hardly grow. Grants are
// inserted as rows.

import { randomInt } from 'node:crypto';
import pg from 'pg';
import type { Contender } from './contender.ts';
import { measure } from './load.ts';
import { medians } from './statistics.ts';
import { form, post, URL_CLIENT } from './tokens.ts';

const GRANT = 'bench grant ';
const FEW_GRANTS = 100_000;

export interface GrowthOptions {
  database_url: string;
  /** The final number of grants. */
  grants: number;
  seconds: number;
  rounds: number;
  databaseCpu: () => number;
}

/** One line: requests per second with few and many grants, and the increase in cost. */
export async function measureGrowth({ server }: Contender, options: GrowthOptions): Promise<string> {
  const { database_url, grants, seconds, rounds, databaseCpu } = options;
  const measured = [];
  let seeded = 0;
  for (const count of [Math.min(FEW_GRANTS, grants), grants]) {
    await insertGrants(database_url, seeded + 1, count);
    seeded = count;
    const runs = [];
    for (let round = 0; round <= rounds; round += 1) runs.push(await measure(server, refreshOfAny(count), seconds, databaseCpu));
    // The first one warms up.
    measured.push({ count, ...medians(runs.slice(1)) });
  }
  const [few, many] = measured;
  const texts = measured.map(({ count, requests_per_second, p50, cpu, database_cpu }) =>
    [`${count} grants: ${requests_per_second.toFixed(0)} req/s`, `p50 ${p50}`, `CPU ${cpu.toFixed(2)}+${database_cpu.toFixed(2)}`].join(
      ', ',
    ),
  );
  const growth = many && few ? (many.cpu + many.database_cpu) / (few.cpu + few.database_cpu) : Number.NaN;
  return `refresh among ${texts.join('; ')}; CPU ${growth.toFixed(2)}x (target ≤ 1.15x from 100,000 to 5,000,000)`;
}

function refreshOfAny(count: number) {
  const body = () => form({ grant_type: 'refresh_token', client_id: URL_CLIENT, refresh_token: GRANT + randomInt(1, count + 1) });
  return post('/auth/token', () => ({ body: body() }));
}

async function insertGrants(database_url: string, first: number, last: number): Promise<void> {
  const client = new pg.Client({ connectionString: database_url });
  await client.connect();
  await client.query(
    `insert into refresh_tokens (id, user_id, credential_id, auth_provider_type, token_type, client_id, token_hash, access_token_expiration,
       created_at, auth_time, amr)
     select md5($4 || n), c.user_id, c.id, c.auth_provider_type, 'normal', $1, sha256(convert_to($4 || n, 'UTF8')), 1800, now(), now(), '{pwd}'
     from generate_series($2::int, $3::int) n, (select * from credentials limit 1) c`,
    [URL_CLIENT, first, last, GRANT],
  );
  await client.query('vacuum (analyze) refresh_tokens');
  await client.query('checkpoint');
  await client.end();
}
