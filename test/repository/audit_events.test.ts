import { beforeEach, expect, test } from 'vitest';
import type { AuditEvent } from '../../src/domain/audit_event.ts';
import { AuthError } from '../../src/domain/errors.ts';
import { type AuditEvents, createAuditEvents } from '../../src/repository/audit_events.ts';
import { createTestClock } from '../support/fixtures/clock.ts';
import { createTestDatabase } from '../support/fixtures/database.ts';
import { perFile } from '../support/fixtures/per_file.ts';

let audit: AuditEvents;
let errors: unknown[];
const time = createTestClock();
const kysely = () => test_database.database.kysely;

const test_database = perFile(() => createTestDatabase());
beforeEach(async () => {
  await kysely().deleteFrom('audit_events').execute();
  errors = [];
  audit = createAuditEvents({ database: test_database.database, clock: time.clock, on_error: (error) => errors.push(error) });
  return () => audit.close();
});
const types = async () => (await audit.list({ limit: 200, cursor: null })).items.map(({ type }) => type);

test('an event is found by its reference with everything it tells', async () => {
  const event: AuditEvent = {
    type: 'login.blocked',
    outcome: 'refused',
    error_ref: 'abc123',
    actor_user_id: 'a',
    target_user_id: 'b',
    client_id: 'https://example.com/app',
    remote_address: '192.0.2.1',
    detail: { why: 'User is not active', facts: [1, null, { deep: true }] },
  };
  audit.record(event);
  await audit.flush();
  expect(await audit.find('abc123')).toEqual([{ ...event, id: expect.any(Number), at: time.clock() }]);
  expect(await audit.find('unknown')).toEqual([]);
});

test('what is recorded is written soon without being asked', async () => {
  audit.record({ type: 'user.created', outcome: 'done' });
  await expect.poll(types).toEqual(['user.created']);
});

test('an event of a transaction that fails never happened', async () => {
  await test_database.database
    .transaction(async (trx) => {
      await audit.insert(trx, { type: 'user.created', outcome: 'done' });
      throw new Error('no');
    })
    .catch(() => {});
  expect(await types()).toEqual([]);
});

test('refusals beyond 20 of an address become one row that counts them', async () => {
  for (let n = 0; n < 30; n++) audit.record({ type: 'login.failed', outcome: 'refused', remote_address: '192.0.2.1' });
  await audit.close();
  const { items } = await audit.list({ limit: 200, cursor: null });
  expect(items).toHaveLength(21);
  expect(items[0]).toMatchObject({ type: 'request.refused', remote_address: '192.0.2.1', detail: { not_kept: 10 } });
});

// H25
test('texts of strangers are cut and cleaned, so that they can be stored and printed', async () => {
  const text = `a\0b\r\n\u001b[31m${'x'.repeat(70_000)}\ud800`;
  audit.record({ type: 'login.failed', outcome: 'refused', client_id: text, detail: { k: text, list: [text] } });
  await audit.flush();
  const [event] = (await audit.list({ limit: 1, cursor: null })).items;
  expect(event?.client_id).toMatch(/^a b \[31mx+…$/);
  expect(event?.client_id).toHaveLength(500);
  expect(event?.detail).toEqual({ k: event?.client_id, list: [event?.client_id] });
});

test('pages go from the newest to the oldest', async () => {
  for (const error_ref of ['1', '2', '3']) audit.record({ type: 'login.failed', outcome: 'refused', error_ref });
  await audit.flush();
  const first = await audit.list({ limit: 2, cursor: null });
  const second = await audit.list({ limit: 2, cursor: first.next_cursor });
  expect([first, second].map(({ items }) => items.map(({ error_ref }) => error_ref))).toEqual([['3', '2'], ['1']]);
  expect(second.next_cursor).toBeNull();
  await expect(audit.list({ limit: 2, cursor: 'x' })).rejects.toMatchObject({ code: 'invalid_format' });
});

test('while the database is away events wait, within bounds', async () => {
  let away = true;
  const { kysely } = test_database.database;
  const insertInto = ((table: 'audit_events') => {
    if (away) throw new AuthError('unavailable', 'away');
    return kysely.insertInto(table);
  }) as typeof kysely.insertInto;
  const audit = createAuditEvents({
    database: { kysely: { insertInto } as typeof kysely },
    clock: time.clock,
    on_error: (e) => errors.push(e),
  });
  for (let n = 0; n < 10_001; n++) audit.record({ type: 'user.updated', outcome: 'done' });
  expect(errors).toHaveLength(1);
  await expect(audit.flush()).rejects.toMatchObject({ code: 'unavailable' });
  away = false;
  await audit.close();
  expect(await kysely.selectFrom('audit_events').select('id').execute()).toHaveLength(10_000);
});
