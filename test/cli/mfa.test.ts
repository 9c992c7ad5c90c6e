import { beforeAll, expect, test } from 'vitest';
import { createMfaEnrolmentRepository } from '../../src/repository/mfa_enrolments.ts';
import { createSealer } from '../../src/secrets/sealer.ts';
import { addPerson, NOON } from '../support/fixtures/people.ts';
import { perFile } from '../support/fixtures/per_file.ts';
import { createCli, SECRET_KEY } from './support.ts';

const ID = 'f'.repeat(32);

const cli = perFile(() => createCli());
beforeAll(async () => {
  expect((await cli.run(['migrate'])).code).toBe(0);
  const { id: user_id } = await addPerson(cli.database, { username: 'paula', name: 'Paula' });
  const enrolments = createMfaEnrolmentRepository(cli.database, createSealer({ secret_key: SECRET_KEY }));
  const row = { id: ID, user_id, mfa_module_id: 'totp', name: null, device_id: null, secret: { secret: 'AAAA' }, created_at: NOON };
  await cli.database.transaction((trx) => enrolments.put(trx, row, { replaces: true }));
});

test('the factors of a person who lost them are listed, and removed', async () => {
  const { out } = await cli.run(['mfa', 'list', 'paula']);
  expect(out).toContain(`${ID}  totp`);
  expect(out).not.toContain('AAAA');
  // U4
  const unasked = await cli.run(['mfa', 'reset', 'paula']);
  expect(unasked).toEqual({ code: 2, out: '', err: 'stdin is not a terminal; pass --yes\n' });
  expect(await cli.list('mfa', 'list', 'paula')).toHaveLength(1);
  expect(await cli.run(['mfa', 'reset', 'paula', '--yes'])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^Took 1 away from Paula \(paula, /),
  });
  expect(await cli.list('mfa', 'list', 'paula')).toEqual([]);
  const events = await cli.database.kysely.selectFrom('audit_events').select('type').where('type', '=', 'mfa.removed').execute();
  expect(events).toHaveLength(1);
});

test('an unknown name is an error', async () => {
  expect((await cli.run(['mfa', 'reset', 'nobody'])).code).toBe(1);
});
